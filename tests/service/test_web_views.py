"""What is shown of a state, against figures worked out by hand; and what is not shown to whom."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from gridpact.client import Level
from gridpact.errors import InputError
from gridpact.exchange import Bounds, Exchange, OrderState, Phase, PlaceOrder, ReasonCode, SetBounds, Tick
from gridpact.exchange.monitor import AlarmKind, Thresholds
from gridpact.exchange.rules import HOUR
from gridpact.service.broker.mosquitto import MOST_BYTES
from gridpact.service.effects import book_of
from gridpact.service.store import open_store
from gridpact.service.waits import Waits
from gridpact.service.web import Role, Site, Tokens, Viewer, Window, make_app, monitoring, tariffs, views
from gridpact.service.web import site as module
from gridpact.service.web.feed import MOST_BEHIND, BookChanged, Feed, PhaseChanged, Struck, public_part
from gridpact.service.web.history import History
from gridpact.service.web.pages import _named
from service.live import AREA, NOON, PRICES
from service.web import END, LATER, Web, checked, web_live

VISITOR = Viewer()
ANN, BOB = (Viewer(Role.MEMBER, name) for name in ("ann", "bob"))
GRID, SHOP, MARKET = Viewer(Role.DSO, "grid"), Viewer(Role.SUPPLIER, "shop"), Viewer(Role.OPERATOR, "market")


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Web:
    """A market after one interval; its writer has stopped, its state stands."""

    async def go() -> Web:
        async with web_live(tmp_path_factory.mktemp("views")) as web:
            await web.trade()
            return web

    return asyncio.run(go())


def test_the_book_is_added_up_by_price_and_names_nobody(traded: Web) -> None:
    state = traded.site.state
    settled, opened = traded.site.window.books[NOON], views.book(state.intervals[LATER])
    assert settled.buy == (Level(250_000, 1000, 1), Level(90_000, 700, 1))
    assert settled.sell == (Level(150_000, 1000, 1),)
    assert opened == views.Book((), (Level(120_000, 400, 1),))


def test_a_book_of_two_thousand_prices_is_told_in_one_message(traded: Web) -> None:
    order = next(iter(traded.site.state.intervals[LATER].orders.values()))
    orders = {
        f"m/{price}": replace(order, price=price, is_buy=is_buy, open_wh=7)
        for is_buy, prices in ((True, range(10**14, 10**14 + 2_000)), (False, range(10**15, 10**15 + 2_000)))
        for price in prices
    }
    told = book_of(replace(traded.site.state.intervals[LATER], orders=orders))
    assert len(msgspec.json.encode(told)) < MOST_BYTES
    assert (told.buy[0].price, told.sell[0].price) == (10**14 + 1_999, 10**15)
    assert told.buy_rest == Level(10**14, 1_700 * 7, 1_700)
    assert told.sell_rest == Level(10**15 + 1_999, 1_700 * 7, 1_700)


def test_the_clearing_of_an_interval_by_hand(traded: Web) -> None:
    """1 kWh traded, 0.8 kWh of it stands; the price lies between the two limits."""
    detail = views.interval_detail(traded.site.state, traded.site.history, traded.site.window.books, NOON)
    assert detail is not None
    price = traded.site.state.intervals[NOON].trades[0].price
    assert 150_000 <= price <= 250_000
    assert detail.clearing == views.Clearing(1, 1000, 800, price, price, price, price)
    assert (detail.phase, detail.policy, detail.reduced, detail.round) == (Phase.SETTLED, "pro-rata", 1, 0)
    assert [own.place for own in detail.own] == ["bus 9"]
    assert (detail.end, detail.gate_closes, detail.prices) == (END, NOON - HOUR, PRICES)
    assert views.interval_detail(traded.site.state, traded.site.history, {}, NOON - 30 * 60_000) is None


def test_an_interval_without_trade_has_no_price() -> None:
    assert views.clearing([]) == views.Clearing(0, 0, 0, 0, None, None, None)


@pytest.mark.parametrize(
    ("viewer", "names"),
    [
        (VISITOR, ("", "")),
        (Viewer(Role.MEMBER, "eve"), ("", "")),
        (ANN, ("bob", "ann")),
        (BOB, ("bob", "ann")),
        (GRID, ("bob", "ann")),
        (SHOP, ("bob", "ann")),
        (MARKET, ("bob", "ann")),
    ],
)
def test_names_of_a_trade_are_for_its_parties_and_whoever_has_to_know(
    traded: Web, viewer: Viewer, names: tuple[str, str]
) -> None:
    (row,) = views.trades(traded.site.state.intervals[NOON], viewer)
    assert (row.seller, row.buyer) == names
    assert (row.energy_wh, row.accepted_wh, row.reason) == (1000, 800, ReasonCode.OVERLOAD)


def test_the_picture_of_trades_numbers_strangers_by_size(traded: Web) -> None:
    interval = traded.site.state.intervals[NOON]

    def ends(viewer: Viewer) -> tuple[str, str]:
        (link,) = _named(interval, views.trades(interval, viewer), viewer)
        return link.seller, link.buyer

    assert ends(VISITOR) == ("seller 1", "buyer 1")
    assert ends(ANN) == ("bob", "you")
    assert ends(GRID) == ("bob", "ann")


def test_a_bill_and_what_the_supplier_alone_would_cost_by_hand(traded: Web) -> None:
    """Ann drew 1.2 kWh and had bought 0.8: 0.4 kWh at retail. Alone: 1.2 kWh at 0.30."""
    (bill,) = views.bills(traded.site.state, "ann")
    price = traded.site.state.intervals[NOON].trades[0].price
    assert bill.money == {"trades": price * 800 // 1000, "retail": 120_000}
    assert (bill.amount, bill.alone) == (price * 800 // 1000 + 120_000, 360_000)
    assert (bill.metered, bill.bought, bill.sold, bill.astray) == (1200, 800, 0, 0)
    summary = views.member_summary(traded.site.state, traded.site.history, "ann")
    assert summary.totals.saved == 360_000 - bill.amount
    assert summary.rating == 1_000_000


def test_energy_that_was_sold_and_not_delivered_shows_as_imbalance(traded: Web) -> None:
    """Bob had sold 0.8 kWh and delivered 0.7: 0.1 kWh is bought in at 0.35."""
    (bill,) = views.bills(traded.site.state, "bob")
    assert (bill.astray, bill.money["imbalance"], bill.alone) == (100, 35_000, -56_000)
    seen = views.operations(traded.site.state, traded.site.history)
    assert (seen.totals.astray, seen.totals.imbalance) == (100, 35_000)
    assert seen.totals.saved == sum(
        views.member_summary(traded.site.state, traded.site.history, member).totals.saved for member in ("ann", "bob")
    )


def test_a_statement_adds_up_to_the_bills(traded: Web) -> None:
    (bill,) = views.bills(traded.site.state, "bob")
    whole = views.statement(traded.site.history, "bob", 0, 2**53 - 1)
    assert (whole.amount, [line.interval for line in whole.lines]) == (bill.amount, [NOON])
    assert views.statement(traded.site.history, "bob", 0, NOON).lines == ()


def test_orders_of_a_member_are_its_own(traded: Web) -> None:
    rows = views.orders(traded.site.state, "bob")
    assert [(row.interval, row.state) for row in rows] == [(LATER, OrderState.PLACED), (NOON, OrderState.DELIVERED)]
    assert {row.order.partition("/")[0] for row in rows} == {"bob"}


def test_decisions_refusals_and_alarms_reach_the_operator(traded: Web) -> None:
    (cut,) = views.decisions(traded.site.state, traded.site.history)
    assert (cut.from_wh, cut.to_wh, cut.reason, cut.place) == (1000, 800, ReasonCode.OVERLOAD, "line 3")
    assert (cut.before, cut.after, cut.seller, cut.buyer) == (1_182, 990, "bob", "ann")
    seen = views.operations(traded.site.state, traded.site.history)
    assert [(row.reason, row.count) for row in seen.refusals] == [(ReasonCode.LIMIT, 1)]
    assert {alarm.kind for alarm in seen.alarms} == {AlarmKind.METERS, AlarmKind.NETWORK}


def test_single_buses_are_for_the_dso_and_the_operator(traded: Web) -> None:
    feeder, found = traded.site.feeder, checked(NOON)
    for viewer in (VISITOR, ANN, SHOP):
        seen = views.feeder_view(feeder, found, viewer)
        assert seen is not None
        assert (seen.buses, seen.branches) == ((), ())
    whole = views.feeder_view(feeder, found, GRID)
    assert whole is not None
    assert found.flow is not None
    assert [bus.name for bus in whole.buses] == list(feeder.bus_names)
    assert whole.lowest_pu == pytest.approx(float(found.flow.v_pu.min()))
    assert whole.most_loading == pytest.approx(float(found.flow.loading.max()))
    assert views.feeder_view(feeder, None, GRID) is None


def test_the_history_of_the_store_is_that_of_the_writer(tmp_path: Path) -> None:
    async def go() -> None:
        async with web_live(tmp_path) as web:
            await web.trade()
            told = web.site.history
            async with open_store(f"sqlite:///{tmp_path / 'events.db'}") as store:
                steps = [step async for step in store.read(AREA)]
        read = History()
        read.take(steps)
        assert read.steps == told.steps
        assert (read.totals, read.refusals, read.alarms) == (told.totals, told.refusals, told.alarms)
        assert Exchange.from_steps(steps, lambda _command, _key: True).state.digest() == web.site.state.digest()

    asyncio.run(go())


def test_the_public_part_of_steps_names_nobody(traded: Web, tmp_path: Path) -> None:
    async def go() -> list[Any]:
        async with web_live(tmp_path) as web:
            await web.trade()
            async with open_store(f"sqlite:///{tmp_path / 'events.db'}") as store:
                return [word async for step in store.read(AREA) for word in public_part(step)]

    words = asyncio.run(go())
    assert BookChanged(NOON) in words
    assert PhaseChanged(NOON, Phase.SETTLED, 0) in words
    assert [word.energy_wh for word in words if isinstance(word, Struck)] == [1000]
    assert not any(name in repr(words) for name in ("ann", "bob"))


def _listening(check: Callable[[Feed], Any]) -> None:
    async def go() -> None:
        async with asyncio.timeout(20):
            await check(Feed())

    asyncio.run(go())


def test_a_listener_that_falls_behind_is_let_go_and_holds_nobody_up(traded: Web, tmp_path: Path) -> None:
    step = _some_step(tmp_path)

    async def check(feed: Feed) -> None:
        listening = feed.listen()
        first = asyncio.ensure_future(anext(listening))
        await asyncio.sleep(0)
        feed.take([step] * (MOST_BEHIND + 2))
        await asyncio.wait({first})
        assert [heard async for heard in listening] == []
        assert feed.listeners == 0

    _listening(check)


def test_who_comes_back_hears_what_it_missed(tmp_path: Path) -> None:
    step = _some_step(tmp_path)

    async def check(feed: Feed) -> None:
        feed.take([step] * 3)
        assert feed.remembers(0)
        assert not feed.remembers(7)
        listening = feed.listen(after=0)
        assert [(await anext(listening)).step for _ in range(2)] == [1, 2]
        await listening.aclose()  # type: ignore[attr-defined]
        late = Feed()
        late.begin(10)
        assert not late.remembers(5)

    _listening(check)


def _some_step(folder: Path) -> Any:
    async def go() -> Any:
        async with web_live(folder) as web:
            await web.area.open()
            return await web.area.say("ann", PlaceOrder(NOON, is_buy=True, energy_wh=1000, price=250_000))

    return asyncio.run(go())


def test_a_visitor_needs_no_token() -> None:
    with pytest.raises(InputError, match="a visitor needs no token"):
        Tokens().issue("anybody", Role.VISITOR)


def test_the_monitor_shows_the_operator_prices_shares_and_what_binds_whom(tmp_path: Path) -> None:
    async def go() -> Any:
        async with web_live(tmp_path) as web:
            await web.area.say("market", SetBounds("bob", Bounds(most_wh=5_000)))
            await web.trade()
            return monitoring.monitoring(web.site.state, web.site.window.watch, web.site.waits, NOON)

    seen = asyncio.run(go())
    (prices,) = seen.prices
    assert (prices.interval, prices.traded_wh, prices.export_price, prices.import_price) == (
        NOON,
        1_000,
        80_000,
        300_000,
    )
    assert prices.lowest == prices.mean == prices.highest
    assert (seen.intervals, seen.sellers_hhi, seen.buyers_hhi) == (1, 10_000, 10_000)
    ann, bob = seen.members
    assert (ann.member, ann.bought, ann.sold, ann.bounds) == ("ann", 1_000, 0, None)
    assert (bob.sold, bob.surplus, bob.astray, bob.agreed, bob.bounds) == (1_000, 700, 100, 800, Bounds(most_wh=5_000))
    assert seen.alarms == ()


def test_who_waits_much_longer_than_the_one_in_the_middle_is_named() -> None:
    waits, thresholds = Waits(), Thresholds(answers=2, slower=3.0, slower_s=0.1)
    for member, seconds in (("ann", 0.01), ("bob", 0.02), ("cat", 0.02), ("dan", 0.125), ("eve", 9.0)):
        for _ in range(1 if member == "eve" else 2):
            waits.add(member, seconds)
    (alarm,) = waits.unequal(NOON, thresholds)
    assert (alarm.kind, alarm.member, alarm.text) == (
        AlarmKind.ACCESS,
        "dan",
        "dan waits 125 ms for an answer, the one in the middle 20 ms",
    )


def test_the_middle_wait_is_known_within_a_factor_of_two() -> None:
    waits = Waits()
    for millis in (1, 3, 3, 4, 900):
        waits.add("ann", millis / 1e3)
    wait = waits.members["ann"]
    assert 0.003 <= wait.median_s <= 0.006
    assert (wait.answers, wait.longest_s) == (5, 0.9)
    assert wait.mean_s == pytest.approx(0.1822)


def test_everybody_who_is_answered_is_counted(tmp_path: Path) -> None:
    async def go() -> dict[str, int]:
        async with web_live(tmp_path) as web:
            await web.area.open()
            for number in range(3):
                await web.area.writer.submit(b"no command", "ann" if number else "bob")
            return {member: wait.answers for member, wait in web.area.writer.waits.members.items()}

    assert asyncio.run(go()) == {"bob": 1, "ann": 2}


def test_prices_ahead_as_evcc_openems_and_flexmeasures_take_them(traded: Web) -> None:
    """Half hours at 0.30 and 0.08; the first of the two intervals traded at the middle of 0.15 and 0.25."""
    state, price = traded.site.state, traded.site.state.intervals[NOON].trades[0].price
    rates = tariffs.rates(state, tariffs.TariffKind.IMPORT, NOON)
    assert [(rate.start, rate.end, rate.value) for rate in rates] == [
        ("2024-10-04T12:00:00Z", "2024-10-04T12:30:00Z", 0.3),
        ("2024-10-04T22:00:00Z", "2024-10-04T22:30:00Z", 0.3),
    ]
    assert tariffs.rates(state, tariffs.TariffKind.IMPORT, END) == rates[1:]
    quarters = tariffs.quarters(state, tariffs.TariffKind.EXPORT, NOON).result.rates
    assert [rate.start[11:16] for rate in quarters] == ["12:00", "12:15", "22:00", "22:15"]
    assert {rate.value for rate in quarters} == {0.08}
    found = tariffs.series(state, tariffs.TariffKind.TRADED, NOON, "EUR")
    assert found == tariffs.Series((price / 1e6,), "2024-10-04T12:00:00Z", "PT30M", "EUR/kWh")
    assert tariffs.series(state, tariffs.TariffKind.TRADED, END, "EUR") is None


def test_pages_read_their_history_beside_an_exchange_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEPS_AT_ONCE", 3)

    async def answer(site: Site, window: Window) -> tuple[int, str]:
        transport = httpx.ASGITransport(make_app(replace(site, window=window)))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            got = await client.get("/api/v1/intervals")
            return got.status_code, got.text

    async def go() -> None:
        async with web_live(tmp_path) as web:
            await web.trade()
            store = web.area.writer.store
            late, length = await Window.begin(store, AREA), await store.length(AREA)
            code, text = await answer(web.site, late)
            assert (code, f"3 of {length} steps" in text) == (503, True)
            await web.area.say("market", Tick())
            late.take([step async for step in store.read(AREA, length)])
            assert late.history.steps == 3
            await late.catch_up(store, AREA)
            assert (late.history, late.books, late.own) == (
                web.site.history,
                web.site.window.books,
                web.site.window.own,
            )
            assert late.state.digest() == web.site.state.digest()
            assert late.feed.next_step == web.site.window.feed.next_step == await store.length(AREA)
            assert await answer(web.site, late) == await answer(web.site, web.site.window)

    asyncio.run(go())
