"""What users run already: the payloads of evcc, Home Assistant and OPC UA, and the signs between theirs and ours."""

import asyncio
import itertools
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpact.client import Bill, PricesAre, Reduced, Traded
from gridpact.client.line import Line
from gridpact.client.plugs import (
    EVCC,
    GRIDPACT,
    HOME_ASSISTANT,
    OPENEMS,
    Board,
    EvccSite,
    IntervalMeter,
    discovery,
    read_counter,
    report_from_evcc,
    report_from_opcua,
    show_in_home_assistant,
    state_topic,
)
from gridpact.errors import InputError
from gridpact.exchange import Phase, ReasonCode
from gridpact.exchange.rules import HOUR, MINUTE
from gridpact.service.broker.embedded import embedded_broker
from service.live import AREA, NOON, PRICES, Clock, accounts, key_of, live, member
from service.servers import free_port, plain_mosquitto

STEP = 30 * MINUTE


def test_the_table_of_signs_on_the_page_is_that_of_the_code(root: Path) -> None:
    """Read from the page: what + means with each of them."""
    page = (root / "docs" / "plugs" / "index.md").read_text("utf-8")
    ours = {"grid": "import", "battery": "charging", "pv": "generation"}
    other = {"grid": "export", "battery": "discharging", "pv": "consumption"}
    for name, signs in (
        ("Gridpact", GRIDPACT),
        ("evcc", EVCC),
        ("Home Assistant", HOME_ASSISTANT),
        ("OpenEMS", OPENEMS),
    ):
        row = next(line for line in page.splitlines() if line.startswith(f"| {name} |"))
        said = [cell.strip() for cell in row.strip("|").split("|")][1:4]
        assert said == [(ours if getattr(signs, what) == 1 else other)[what] for what in ours], name


def test_a_site_of_evcc_in_our_signs() -> None:
    """It draws 500 W, generates 2 kW and charges with 1.2 kW, which is −1,200 W there."""
    site = EvccSite()
    for topic, payload in (
        ("evcc/site/grid/power", b"500.25"),
        ("evcc/site/pvPower", b"2000"),
        ("evcc/site/battery/power", b"-1200"),
        ("evcc/site/battery/soc", b"80"),
    ):
        assert site.take(topic, payload)
    assert (site.grid_kw, site.pv_kw, site.battery_kw, site.soc) == (0.50025, 2.0, 1.2, 0.8)
    assert not site.take("evcc/loadpoints/1/chargePower", b"11000")
    assert site.take("evcc/site/battery/power", b"")
    assert site.battery_kw is None


@pytest.mark.parametrize("payload", [b"on", b"nan", b"inf", b"1,5", b"{}", b"\xff"])
def test_what_is_no_number_is_refused_with_its_topic(payload: bytes) -> None:
    site = EvccSite()
    with pytest.raises(InputError, match="evcc/site/pvPower"):
        site.take("evcc/site/pvPower", payload)
    assert site.pv_kw is None


@given(st.lists(st.tuples(st.integers(1, 59_000), st.floats(-50, 50)), min_size=1, max_size=80))
def test_a_meter_reports_what_flowed_and_rounding_loses_nothing(powers: list[tuple[int, float]]) -> None:
    meter, at, flowed = IntervalMeter(MINUTE), 0, 0.0
    reported = dict(meter.power(0, 0.0))
    before, known_until = 0.0, 0
    pieces: list[tuple[int, int, float]] = []
    for pause, kw in powers:
        pieces.append((at, at + pause, before))
        at += pause
        reported |= dict(meter.power(at, kw))
        before = kw
    known_until = at // MINUTE * MINUTE
    flowed = sum(kw * (min(end, known_until) - begin) for begin, end, kw in pieces if begin < known_until)
    assert sorted(reported) == list(range(0, known_until, MINUTE))
    assert sum(reported.values()) == pytest.approx(flowed / HOUR * 1_000, abs=0.51)


def test_an_interval_that_was_not_seen_whole_is_not_reported() -> None:
    meter = IntervalMeter(STEP, longest_gap_ms=10 * MINUTE)

    def run(times: list[int]) -> list[int]:
        return [start for at in times for start, _ in meter.power(at * MINUTE, 1.0)]

    assert run([5, 14, 24, 33]) == []  # begun in the middle
    assert run([42, 51, 60]) == [30 * MINUTE]
    assert run([75, 84, 91, 100, 109, 118, 124]) == [90 * MINUTE]  # a gap of a quarter of an hour from 60 on
    with pytest.raises(InputError, match="backwards"):
        run([3])


def test_the_board_follows_prices_trades_and_corrected_bills() -> None:
    board = Board()
    assert set(board.values().values()) == {None, 0}
    board.take(PricesAre(NOON, PRICES))
    board.take(Traded(NOON, 0, is_buy=True, energy_wh=800, price=200_000, peer="bob"))
    board.take(Traded(NOON, 1, is_buy=False, energy_wh=300, price=200_000, peer="bob"))
    board.take(Reduced(NOON, 0, 500, ReasonCode.OVERLOAD, "line 3", ""))
    board.take(Bill(NOON, 0, {"metered": 700, "bought": 500, "sold": 300}, {"trades": 40_000, "retail": 150_000}))
    board.take(Bill(NOON + STEP, 0, {"metered": -400, "sold": 400}, {"trades": -80_000}))
    values = board.values()
    assert (values["import_price"], values["export_price"], values["position"]) == (0.3, 0.08, 0.2)
    assert (values["imported"], values["exported"], values["bought"], values["sold"]) == (0.7, 0.4, 0.5, 0.7)
    assert values["paid"] == pytest.approx(0.11)
    board.take(Bill(NOON + STEP, 1, {"metered": 600}, {"retail": 60_000}))  # it was import after all
    assert (board.values()["imported"], board.values()["exported"]) == (0.9, 0.0)


def test_the_discovery_of_a_device_has_what_home_assistant_requires() -> None:
    """Each component a platform and a unique id, the whole an origin; energy counts in kWh and may only rise."""
    topic, payload = discovery("nörth", "ann", "EUR")
    assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", topic)
    said = msgspec.json.decode(payload)
    assert said["o"]["name"]
    assert said["dev"]["ids"]
    shown = Board().values()
    assert set(said["cmps"]) == set(shown)
    assert len({component["unique_id"] for component in said["cmps"].values()}) == len(shown)
    for name, component in said["cmps"].items():
        assert component["p"] == "sensor"
        assert component["value_template"] == f"{{{{ value_json.{name} }}}}"
        if component.get("device_class") == "energy":
            assert (component["unit_of_measurement"], component["state_class"]) == ("kWh", "total_increasing")


def test_a_market_appears_in_home_assistant_and_evcc_reports_to_the_market(
    tmp_path: Path, mosquitto_program: str
) -> None:
    """A home's own broker beside that of the exchange: readings go one way, prices the other, retained."""

    async def go() -> tuple[dict[str, Any], dict[str, Any], Any]:
        clock = Clock()
        with plain_mosquitto(mosquitto_program, tmp_path) as home_port:
            async with (
                asyncio.timeout(120),
                embedded_broker(AREA, accounts()) as port,
                live(f"sqlite:///{tmp_path / 'events.db'}", port, clock) as area,
                member(port, "ann") as market,
                Line("127.0.0.1", home_port) as line,
                Line("127.0.0.1", home_port) as evcc,
                Line("127.0.0.1", home_port) as assistant,
            ):
                await assistant.subscribe("homeassistant/device/+/config", qos=1)
                await assistant.subscribe(state_topic(AREA, "ann"), qos=1)
                site, meter = EvccSite(), IntervalMeter(STEP, longest_gap_ms=STEP)
                async with asyncio.TaskGroup() as tasks:
                    names = {"name": "meter-ann", "key": key_of("meter-ann"), "clock": clock}
                    running = [
                        tasks.create_task(show_in_home_assistant(line, market, AREA, "EUR")),
                        tasks.create_task(report_from_evcc(line, market, site, meter, **names)),
                    ]
                    await area.open()
                    messages = [await anext(aiter(assistant.messages)) for _ in range(2)]
                    await area.until(NOON - HOUR)
                    await area.accept()
                    await area.until(NOON + STEP)
                    for now, watts in ((NOON, b"1500"), (NOON + STEP // 2, b"-500"), (NOON + STEP, b"0")):
                        clock.now = now
                        await evcc.publish("evcc/site/grid/power", watts, qos=1)
                        while site.grid_kw != float(watts) / 1_000:
                            await asyncio.sleep(0.01)
                    interval = area.writer.exchange.state.intervals[NOON]
                    while interval.versions[0] < 0:
                        await asyncio.sleep(0.01)
                    for task in running:
                        task.cancel()
                assert interval.phase == Phase.DELIVERED
                found = {str(message.topic): msgspec.json.decode(message.payload) for message in messages}
                return *(
                    found[topic] for topic in (discovery(AREA, "ann", "EUR")[0], state_topic(AREA, "ann"))
                ), interval

    device, state, interval = asyncio.run(go())
    assert device["state_topic"] == state_topic(AREA, "ann")
    assert state["import_price"] == 0.3
    assert interval.metered_wh[0] == 250  # a quarter of an hour at 1.5 kW, one at −0.5 kW


class Node:
    """A node that counts: each time it is read it is some Wh further."""

    def __init__(self, values: Any) -> None:
        self.values = iter(values)

    def get_node(self, _name: str) -> "Node":
        return self

    async def read_value(self) -> Any:
        return next(self.values)


@pytest.mark.parametrize("value", ["5", None, True, [1.0]])
def test_a_node_that_is_no_counter_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="ns=2;s=E"):
        asyncio.run(read_counter(Node([value]), "ns=2;s=E"))
    with pytest.raises(InputError, match="Wh, kWh, MWh"):
        asyncio.run(read_counter(Node([1]), "ns=2;s=E", unit="J"))


class OverError(Exception):
    """The test's clock has run out."""


def test_a_counter_is_reported_by_interval_and_only_for_whole_ones() -> None:
    """It counts export, 0.1004 kWh at each reading; readings come six times an interval, the clock skips some intervals."""
    reported: list[tuple[int, int]] = []

    class Sink:
        async def report(self, interval: int, energy_wh: int, **_: Any) -> None:
            reported.append((interval, energy_wh))

    times = iter([100, *range(200, 4_000, 100), *range(6_100, 7_300, 100)])

    def clock() -> int:
        try:
            return next(times)
        except StopIteration:
            raise OverError from None

    counter = Node(0.1004 * number for number in itertools.count())
    reporting = report_from_opcua(
        counter,
        "ns=2;s=E",
        Sink(),  # type: ignore[arg-type]
        name="m",
        key=key_of("m"),
        clock=clock,
        step_ms=600,
        sign=-1,
        every_s=0,
    )
    with pytest.raises(OverError):
        asyncio.run(reporting)
    assert [start for start, _ in reported] == [600, 1_200, 1_800, 2_400, 3_000, 6_600]
    assert all(energy_wh in (-602, -603) for _, energy_wh in reported)


def test_a_counter_of_a_real_opc_ua_server() -> None:
    """With the library of the extra ``opcua``, where it is installed."""
    asyncua = pytest.importorskip("asyncua")

    async def go() -> tuple[float, float]:
        server = asyncua.Server()
        await server.init()
        server.set_endpoint(f"opc.tcp://127.0.0.1:{free_port()}/")
        number = await server.register_namespace("urn:gridpact:test")
        meter = await server.nodes.objects.add_object(number, "Meter")
        energy = await meter.add_variable(f"ns={number};s=Meter.Energy", "Energy", 12.5)
        async with server, asyncua.Client(server.endpoint.geturl()) as client:
            first = await read_counter(client, f"ns={number};s=Meter.Energy")
            await energy.write_value(13.0)
            return first, await read_counter(client, f"ns={number};s=Meter.Energy", sign=-1)

    assert asyncio.run(go()) == (12_500.0, -13_000.0)
