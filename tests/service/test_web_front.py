"""Several areas at one address: each keeps its pages, its tokens and its listeners to itself."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec

from gridpact.service.web import Front, listen, run_web
from service.live import RULES
from service.web import Web, web_live

SOUTH = msgspec.structs.replace(RULES, area="south")


@asynccontextmanager
async def two_areas(folder: Path) -> AsyncIterator[tuple[Front, Web, Web]]:
    async with web_live(folder) as north, web_live(folder, SOUTH) as south:
        await north.trade()
        yield Front({"north": north.site, "south": south.site}), north, south


def with_two(folder: Path, check: Callable[[Front, Web, Web], Awaitable[None]]) -> None:
    async def go() -> None:
        async with asyncio.timeout(60), two_areas(folder) as (front, north, south):
            await check(front, north, south)

    asyncio.run(go())


def client(front: Front) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=front, client=("127.0.0.1", 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


def test_the_first_page_lets_choose_and_every_link_of_an_area_stays_in_it(tmp_path: Path) -> None:
    async def check(front: Front, north: Web, _: Web) -> None:
        async with client(front) as browser:
            assert re.findall(r'href="(/areas/[^"]+)"', (await browser.get("/")).text) == [
                "/areas/north/",
                "/areas/south/",
            ]
            listed = (await browser.get("/api/v1/areas")).json()
            assert [(row["name"], row["intervals"]) for row in listed] == [("north", 2), ("south", 0)]
            for path, name in (("", ""), ("feeder", "grid"), ("home", "ann"), ("operator", "market"), ("sign-in", "")):
                headers = {"authorization": f"Bearer {north.tokens[name]}"} if name else {}
                page = await browser.get(f"/areas/north/{path}", headers=headers)
                assert page.status_code == 200
                links = re.findall(r'(?:href|src|action)="(/[^"]*)"', page.text)
                assert {link for link in links if not link.startswith("/areas/north/")} == {"/"}
            assert (await browser.get("/areas/north/static/live.css")).status_code == 200
            assert (await browser.get("/areas/south/api/v1/clock")).json()["area"] == "south"

    with_two(tmp_path, check)


def test_who_signs_in_to_one_area_is_a_visitor_in_the_other(tmp_path: Path) -> None:
    async def check(front: Front, north: Web, south: Web) -> None:
        async with client(front) as browser:
            answer = await browser.post("/areas/north/sign-in", data={"token": north.tokens["ann"]})
            assert (answer.status_code, answer.headers["location"]) == (303, "/areas/north/home")
            assert "Path=/areas/north" in answer.headers["set-cookie"]
            assert (await browser.get("/areas/north/home")).status_code == 200
            assert (await browser.get("/areas/south/home")).status_code == 401
            foreign = {"authorization": f"Bearer {north.tokens['ann']}"}
            assert (await browser.get("/areas/south/api/v1/clock", headers=foreign)).status_code == 401
            own = {"authorization": f"Bearer {south.tokens['ann']}"}
            assert (await browser.get("/areas/south/api/v1/members/ann", headers=own)).status_code == 200

    with_two(tmp_path, check)


def test_what_is_no_area_is_not_there_and_headers_are_strict_everywhere(tmp_path: Path) -> None:
    async def check(front: Front, _: Web, __: Web) -> None:
        async with client(front) as browser:
            for path in ("/areas/west/", "/areas/north", "/areas/", "/home", "/areas//api/v1/clock"):
                answer = await browser.get(path)
                assert answer.status_code == 404, path
                assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert (await browser.get("/", headers={"host": "elsewhere.example"})).status_code == 400

    with_two(tmp_path, check)


def test_metrics_of_all_areas_name_each_figure_once(tmp_path: Path) -> None:
    async def check(front: Front, north: Web, _: Web) -> None:
        async with client(front) as browser:
            lines = (await browser.get("/metrics")).text.splitlines()
        helps = [line for line in lines if line.startswith("# HELP")]
        assert len(helps) == len(set(helps))
        assert f'gridpact_steps_total{{area="north"}} {north.site.history.steps}' in lines
        assert any(line.startswith('gridpact_steps_total{area="south"} ') for line in lines)

    with_two(tmp_path, check)


def test_listeners_of_all_areas_are_let_go_when_the_service_stops(tmp_path: Path) -> None:
    async def check(front: Front, north: Web, south: Web) -> None:
        async with httpx.AsyncClient(timeout=30) as browser:
            async with run_web(front, front, listen(0)) as address:
                answers = [
                    await browser.send(
                        browser.build_request("GET", f"{address}areas/{name}/api/v1/events"), stream=True
                    )
                    for name in ("north", "south")
                ]
                lines = [answer.aiter_lines() for answer in answers]
                assert [await anext(each) for each in lines] == ["event: clock"] * 2
            for each in lines:
                assert [line async for line in each][-1] == ""
        assert (north.site.window.feed.listeners, south.site.window.feed.listeners) == (0, 0)

    with_two(tmp_path, check)
