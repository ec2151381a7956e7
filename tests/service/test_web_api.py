"""The web application over a real writer: who may ask what, how often, under which name; events as they happen."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from gridpact.errors import InputError
from gridpact.exchange import PlaceOrder
from gridpact.service.web import Front, listen, openapi_text, run_web
from service.live import NOON
from service.web import HOLDERS, LATER, Web, web_live

EVERYBODY = ("", *HOLDERS)
ASKED = {
    "/api/v1/health": EVERYBODY,
    "/api/v1/clock": EVERYBODY,
    "/api/v1/intervals": EVERYBODY,
    f"/api/v1/intervals/{NOON}": EVERYBODY,
    f"/api/v1/intervals/{NOON}/trades": EVERYBODY,
    f"/api/v1/intervals/{NOON}/limits": ("ann", "bob", "grid", "market"),
    "/api/v1/tariff/import": EVERYBODY,
    "/api/v1/tariff/import/rates": EVERYBODY,
    "/api/v1/tariff/export/series": EVERYBODY,
    "/api/v1/feeder": EVERYBODY,
    "/api/v1/decisions": ("grid", "market"),
    "/api/v1/operations": ("market",),
    "/api/v1/monitor": ("market",),
    "/api/v1/members/ann": ("ann",),
    "/api/v1/members/ann/orders": ("ann",),
    "/api/v1/members/ann/bills": ("ann",),
    "/api/v1/members/ann/battery": ("ann",),
    "/api/v1/members/ann/statement": ("ann",),
    "/api/v1/members/nobody/bills": (),
    "/api/v1/ledger": EVERYBODY,
    "/api/v1/ledger/heads": EVERYBODY,
    "/api/v1/ledger/entries/3": EVERYBODY,
    "/api/v1/ledger/growth?older=2&size=5": EVERYBODY,
    "/api/v1/members/ann/ledger": ("ann",),
    "/api/v1/members/ann/ledger/3": ("ann",),
    "/metrics": EVERYBODY,
    "/": EVERYBODY,
    "/feeder": EVERYBODY,
    "/ledger": EVERYBODY,
    "/home": ("ann", "bob"),
    "/operator": ("market",),
    "/sign-in": EVERYBODY,
}
"""Who may ask for what; everybody else is refused."""


def with_web(folder: Path, check: Callable[[Web], Awaitable[None]], *, trade: bool = True) -> None:
    async def go() -> None:
        async with asyncio.timeout(300), web_live(folder) as web:
            if trade:
                await web.trade()
            await check(web)

    asyncio.run(go())


def test_everybody_sees_what_is_theirs_and_nothing_else(tmp_path: Path) -> None:
    async def check(web: Web) -> None:
        for name in EVERYBODY:
            async with web.client(name) as client:
                for path, allowed in ASKED.items():
                    expected = 200 if name in allowed else 401 if name == "" else 403
                    answer = await client.get(path)
                    assert answer.status_code == expected, f"{name or 'a visitor'} asks for {path}"

    with_web(tmp_path, check)


def test_the_table_of_rights_leaves_no_path_of_the_api_out() -> None:
    described = {path.replace("{start}", str(NOON)) for path in msgspec.json.decode(openapi_text())["paths"]}
    names = {"/members/ann": "/members/{member}", "/tariff/[a-z]+": "/tariff/{kind}", r"/\d$": "/{seq}", r"\?.*": ""}
    asked = set(ASKED)
    for pattern, name in names.items():
        asked = {re.sub(pattern, name, path) for path in asked}
    assert described - asked == {"/api/v1/events"}


def test_the_description_in_the_documentation_is_that_of_the_code(root: Path) -> None:
    published = (root / "docs" / "openapi.json").read_text("utf-8")
    assert published == openapi_text(), "make docs/openapi.json anew: python tools/write_schema.py"


def test_answers_carry_what_the_views_say(tmp_path: Path) -> None:
    async def check(web: Web) -> None:
        async with web.client("ann") as ann, web.client() as visitor:
            (trade,) = (await ann.get(f"/api/v1/intervals/{NOON}/trades")).json()
            assert (trade["seller"], trade["accepted_wh"], trade["reason"]) == ("bob", 800, "OVERLOAD")
            (bill,) = (await ann.get("/api/v1/members/ann/bills")).json()
            assert (bill["metered"], bill["alone"]) == (1200, 360_000)
            statement = (await ann.get("/api/v1/members/ann/statement")).json()
            assert statement["amount"] == bill["amount"]
            for path, allowed in ASKED.items():
                if "" in allowed:
                    text = (await visitor.get(path)).text
                    assert not re.search(r"\b(ann|bob)\b", text), f"{path} tells a visitor who takes part"

    with_web(tmp_path, check)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/intervals/1", 404),
        ("/api/v1/intervals/x", 404),
        ("/api/v1/intervals/-1", 400),
        (f"/api/v1/intervals/{10**20}", 400),
        ("/api/v1/tariff/wrong", 400),
        ("/api/v1/tariff/traded/series", 404),
        ("/api/v1/members/ann/statement?begin=5&end=1", 400),
        ("/api/v1/members/ann/statement?begin=x", 400),
        ("/api/v1/ledger/entries/1", 404),
        ("/api/v1/ledger/growth?older=0&size=1", 400),
        ("/api/v1/ledger/growth?older=3&size=2", 400),
        ("/api/v1/members/ann/ledger/1", 404),
        ("/?interval=x", 400),
        ("/?interval=5", 200),
        ("/nothing", 404),
    ],
)
def test_what_is_not_there_or_makes_no_sense_is_refused(tmp_path: Path, path: str, status: int) -> None:
    async def check(web: Web) -> None:
        async with web.client("ann") as client:
            for accept in ("application/json", "text/html"):
                answer = await client.get(path, headers={"accept": accept})
                assert answer.status_code == status
                assert "Traceback" not in answer.text

    with_web(tmp_path, check, trade=False)


def test_a_token_that_is_not_known_is_refused_and_a_stale_cookie_makes_a_visitor(tmp_path: Path) -> None:
    async def check(web: Web) -> None:
        async with web.client() as client:
            for header in ("Bearer guessed", "Basic YTpi", "Bearer"):
                answer = await client.get("/api/v1/clock", headers={"authorization": header})
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert (await client.get("/", headers={"cookie": "gridpact=stale"})).status_code == 200

    with_web(tmp_path, check, trade=False)


def test_signing_in_and_out_with_a_form(tmp_path: Path) -> None:
    async def check(web: Web) -> None:
        async with web.client() as client:
            wrong = await client.post("/sign-in", data={"token": "guessed"})
            assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)
            right = await client.post("/sign-in", data={"token": web.tokens["ann"]})
            assert (right.status_code, right.headers["location"]) == (303, "/home")
            cookie = right.headers["set-cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=strict" in cookie
            page = await client.get("/home")
            assert "ann" in page.text
            foreign = await client.post("/sign-out", headers={"origin": "http://elsewhere.example"})
            assert foreign.status_code == 403
            assert (await client.post("/sign-out", headers={"origin": "http://127.0.0.1"})).status_code == 303
            assert (await client.get("/home")).status_code == 401

    with_web(tmp_path, check)


def test_too_many_requests_of_one_are_refused_and_those_of_another_are_not(tmp_path: Path) -> None:
    async def check(web: Web) -> None:
        transport = httpx.ASGITransport(app=web.app(most_a_minute=3), client=("127.0.0.1", 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            ann = {"authorization": f"Bearer {web.tokens['ann']}"}
            guesses = [
                (await client.get("/", headers={"cookie": f"gridpact={guess}"})).status_code for guess in range(4)
            ]
            assert guesses == [200, 200, 200, 429]
            assert [(await client.get("/api/v1/clock", headers=ann)).status_code for _ in range(4)] == [
                *[200] * 3,
                429,
            ]

    with_web(tmp_path, check, trade=False)


def test_guessed_tokens_count_against_the_address_that_sends_them(tmp_path: Path) -> None:
    async def check(web: Web) -> None:
        front = Front({"north": web.site}, most_a_minute=3)
        for asked, path in ((web.app(most_a_minute=3), "/api/v1/clock"), (front, "/api/v1/areas")):
            transport = httpx.ASGITransport(app=asked, client=("127.0.0.1", 50_000))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                tried = [await client.get(path, headers={"authorization": f"Bearer {guess}"}) for guess in range(4)]
                assert [answer.status_code for answer in tried] == [401, 401, 401, 429]
                assert tried[0].headers["www-authenticate"] == "Bearer"
                assert (await client.get(path)).status_code == 429
        ann = {"authorization": f"Bearer {web.tokens['ann']}"}
        transport = httpx.ASGITransport(app=front, client=("127.0.0.1", 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            assert (await client.get("/areas/north/api/v1/clock", headers=ann)).status_code == 200

    with_web(tmp_path, check, trade=False)


def test_it_answers_under_its_own_name_only_and_with_strict_headers(tmp_path: Path) -> None:
    async def check(web: Web) -> None:
        async with web.client() as client:
            assert (await client.get("/", headers={"host": "elsewhere.example"})).status_code == 400
            assert (await client.get("/", headers={"host": "localhost:8000"})).status_code == 200
            for path in ("/", "/api/v1/clock", "/nothing", "/home", "/static/live.css"):
                headers = (await client.get(path)).headers
                policy = headers["content-security-policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                assert headers["x-content-type-options"] == "nosniff"

    with_web(tmp_path, check, trade=False)


@pytest.mark.parametrize(("path", "name"), [("/", ""), ("/feeder", "grid"), ("/home", "ann"), ("/operator", "market")])
def test_a_page_holds_no_script_and_no_style_of_its_own(tmp_path: Path, path: str, name: str) -> None:
    async def check(web: Web) -> None:
        async with web.client(name) as client:
            text = (await client.get(path)).text
            assert re.findall(r"<script[^>]*>[^<]|<style|\sstyle=|\son\w+=|https?://", text) == []

    with_web(tmp_path, check)


def test_metrics_are_in_the_format_of_prometheus_and_count(tmp_path: Path) -> None:
    async def check(web: Web) -> None:
        async with web.client() as client:
            lines = (await client.get("/metrics")).text.splitlines()
        samples = [line for line in lines if not line.startswith("#")]
        assert all(re.fullmatch(r'gridpact_\w+\{area="north"(,\w+="\w+")?\} -?\d+(\.\d+)?', line) for line in samples)
        assert 'gridpact_refusals_total{area="north",reason="LIMIT"} 1' in samples
        assert f'gridpact_steps_total{{area="north"}} {web.site.history.steps}' in samples

    with_web(tmp_path, check)


def test_health_says_when_the_broker_is_away(tmp_path: Path) -> None:
    async def check(web: Web) -> None:
        async with web.client() as client:
            assert (await client.get("/api/v1/health")).json()["status"] == "ok"
            web.site.connected.clear()
            assert (await client.get("/api/v1/health")).json()["status"] == "degraded"

    with_web(tmp_path, check, trade=False)


async def _hear(lines: Any, kind: str) -> tuple[int | None, Any]:
    """The next event of a kind: its id and what it says."""
    number, name = None, ""
    async for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "id":
            number = int(value)
        elif field == "data" and name == kind:
            return number, msgspec.json.decode(value)
        elif not line:
            number, name = None, ""
    raise AssertionError(f"the stream has ended before {kind}")


def test_a_step_is_heard_as_it_happens_and_again_by_who_comes_back(tmp_path: Path) -> None:
    async def check(web: Web) -> None:
        feed = web.site.window.feed
        async with (
            run_web(web.app(), feed, listen(0)) as address,
            httpx.AsyncClient(base_url=address, timeout=30) as client,
        ):
            async with client.stream("GET", "/api/v1/events") as answer:
                lines = answer.aiter_lines()
                assert (await _hear(lines, "clock"))[1]["now"] == web.area.clock.now
                await web.area.say("ann", PlaceOrder(LATER, is_buy=True, energy_wh=300, price=250_000))
                number, heard = await _hear(lines, "step")
                assert number == heard["step"] == web.site.history.steps - 1
                assert heard["words"] == [{"kind": "book", "interval": LATER}]
            await web.area.say("ann", PlaceOrder(LATER, is_buy=True, energy_wh=301, price=250_000))
            async with client.stream("GET", "/api/v1/events", headers={"last-event-id": str(number)}) as answer:
                assert (await _hear(answer.aiter_lines(), "step"))[0] == number + 1
            async with client.stream("GET", "/api/v1/events", headers={"last-event-id": "999999"}) as answer:
                assert (await _hear(answer.aiter_lines(), "reset"))[0] == number + 1
            wrong = await client.get("/api/v1/events", headers={"last-event-id": "x"})
            assert wrong.status_code == 400

    with_web(tmp_path, check)


def test_listeners_are_let_go_when_the_service_stops(tmp_path: Path) -> None:
    async def check(web: Web) -> None:
        async with httpx.AsyncClient(timeout=30) as client:
            async with run_web(web.app(), web.site.window.feed, listen(0)) as address:
                answer = await client.send(client.build_request("GET", f"{address}api/v1/events"), stream=True)
                lines = answer.aiter_lines()
                await _hear(lines, "clock")
            assert "event: step" not in [line async for line in lines]
            assert web.site.window.feed.listeners == 0

    with_web(tmp_path, check, trade=False)


def test_a_port_that_is_taken_is_named() -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port}"):
            listen(port)
