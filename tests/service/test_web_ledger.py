"""The ledger of a live area: proofs hold, nobody's content is opened to others, and a browser sees what does not hold."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from browsing import DESK, running, windows
from gridpact.exchange.rules import HOUR
from gridpact.ledger import (
    Directory,
    Entry,
    SignedHead,
    TreeHead,
    leaf_hash,
    to_bytes,
    verify_consistency,
    verify_inclusion,
)
from gridpact.service.ledger import AreaLedger
from gridpact.service.web.access import COOKIE
from service.live import key_of
from service.test_web_browser import WAIT_MS, served
from service.web import LATER, Web, web_live

KEYS = Directory({"market": key_of("market").public})


def with_traded(folder: Path, check: Callable[[Web], Awaitable[Any]]) -> Any:
    async def go() -> Any:
        async with asyncio.timeout(60), web_live(folder) as web:
            await web.trade()
            return await check(web)

    return asyncio.run(go())


def ledger_of(web: Web) -> AreaLedger:
    assert web.site.records is not None
    return web.site.records.ledger


def test_every_entry_is_proven_to_be_in_the_head_and_every_head_to_go_on_from_the_one_before(tmp_path: Path) -> None:
    async def check(web: Web) -> None:
        async with web.client() as visitor:
            heads = (await visitor.get("/api/v1/ledger/heads")).json()
            state = (await visitor.get("/api/v1/ledger")).json()
            assert state["head"] == heads[-1]
            assert len(heads) == state["heads"] >= 3
            for seq in range(heads[-1]["size"]):
                said = (await visitor.get(f"/api/v1/ledger/entries/{seq}")).json()
                proof = [to_bytes(each, 32, "hash") for each in said["proof"]]
                root = to_bytes(said["head"]["root"], 32, "root")
                assert verify_inclusion(leaf_hash(said["leaf"].encode()), seq, said["head"]["size"], proof, root)
                assert Entry.from_json({"entry": msgspec.json.decode(said["leaf"])}).signed_by_author(KEYS)
            signed = []
            for head in heads:
                content = msgspec.json.decode(head["content"])
                signature = to_bytes(head["signature"], 64, "signature")
                signed.append(SignedHead(TreeHead.from_json(content), signature))
                assert signed[-1].signed_by("market", KEYS)
            for older, newer in pairwise(signed):
                assert newer.head.previous == older.head.hash
                asked = f"/api/v1/ledger/growth?older={older.head.size}&size={newer.head.size}"
                proof = [to_bytes(each, 32, "hash") for each in (await visitor.get(asked)).json()["proof"]]
                sizes = older.head.size, newer.head.size
                assert verify_consistency(*sizes, proof, older.head.root, newer.head.root)

    with_traded(tmp_path, check)


def test_a_member_opens_its_own_entries_and_no_others(tmp_path: Path) -> None:
    async def check(web: Web) -> None:
        async with web.client("ann") as ann:
            own = (await ann.get("/api/v1/members/ann/ledger")).json()
            kinds = []
            for seq in own:
                opened = (await ann.get(f"/api/v1/members/ann/ledger/{seq}")).json()
                row = msgspec.json.decode(opened["row"])
                assert row["command"]["author"] in ("ann", "meter-ann")
                kinds.append(row["command"]["body"]["kind"])
            assert kinds == ["report_reading", "place_order", "place_order"]
            for seq in set(range(ledger_of(web).size)) - set(own):
                assert (await ann.get(f"/api/v1/members/ann/ledger/{seq}")).status_code == 404
                leaf = (await ann.get(f"/api/v1/ledger/entries/{seq}")).json().get("leaf", "")
                assert not re.search(r"\b(ann|bob)\b", leaf)

    with_traded(tmp_path, check)


def test_a_browser_verifies_an_entry_opens_an_own_one_and_sees_what_was_changed(tmp_path: Path, chromium: str) -> None:
    with served(tmp_path) as (web, address, loop), running(chromium) as browser, windows(browser) as open_page:
        watched = open_page(DESK, "light", f"{address}sign-in")
        page = watched.page
        page.set_default_timeout(WAIT_MS)
        page.context.add_cookies([{"name": COOKIE, "value": web.tokens["ann"], "url": address}])
        page.goto(f"{address}ledger")

        def verdict(seq: int) -> str:
            page.get_by_label("Entry, or none").fill(str(seq))
            page.keyboard.press("Enter")
            page.locator("#verdict.good, #verdict.bad").wait_for()
            return str(page.inner_text("#verdict"))

        assert verdict(3) == "All of it holds."
        assert "leads to the signed root" in page.inner_text("#checks")
        assert "is signed by market" in page.inner_text("#checks")
        assert '"energy_wh": 1000' in page.inner_text("#opened")
        assert page.locator("#checks .bad").count() == 0
        asyncio.run_coroutine_threadsafe(_trade_on(web), loop).result(60)
        assert verdict(1) == "All of it holds."
        assert "has only grown since" in page.inner_text("#checks")
        assert page.inner_text("#opened") == ""

        def forge(route: Any) -> None:
            said = route.fetch().json()
            route.fulfill(json=said | {"leaf": said["leaf"].replace('"at":', '"at":1', 1)})

        page.route("**/ledger/entries/*", forge)
        assert verdict(3) == "Something does not hold. Keep what you see, and ask."
        assert "leads to the signed root" in page.locator("#checks .bad").first.inner_text()
        page.unroute("**/ledger/entries/*")
        page.evaluate(
            """() => {
              const seen = JSON.parse(localStorage.getItem("gridpact"));
              localStorage.setItem("gridpact", JSON.stringify({ ...seen, root: seen.key }));
            }"""
        )
        assert verdict(3).startswith("Something does not hold")
        assert "only grown" in page.locator("#checks .bad").inner_text()
        assert watched.complaints == []


async def _trade_on(web: Web) -> None:
    """The next interval's gate closes, and the ledger has a head that covers it."""
    ledger, heads = ledger_of(web), len(ledger_of(web).heads)
    await web.area.until(LATER - HOUR)
    while len(ledger.heads) == heads:
        await web.enter()
