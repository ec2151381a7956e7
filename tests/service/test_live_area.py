"""From a member's message to its bill, over a real broker and a real database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from gridpact.client import BatteryIs, Bill, Market, RefusedError, Traded, Unmatched
from gridpact.client.client import new_id
from gridpact.exchange import (
    Command,
    Exchange,
    OpenInterval,
    PlaceOrder,
    ReasonCode,
    Refused,
    ReportReading,
    Step,
    Tick,
)
from gridpact.exchange.proof import sign_command, verify_command
from gridpact.exchange.rules import HOUR, MINUTE
from gridpact.service.area import StoppedError, run_area
from gridpact.service.broker.embedded import embedded_broker
from gridpact.service.gateway import Outbox
from gridpact.service.store import Effect, Store, StoreError, open_store
from service.conftest import Brokers
from service.live import AREA, NOON, PRICES, RULES, Clock, accounts, actors, key_of, live, member

END = NOON + RULES.step_ms
STEP = Step(0, None, ())


async def hear(market: Market, kind: type, count: int = 1) -> list[Any]:
    """The next messages of a kind."""
    found: list[Any] = []
    async with asyncio.timeout(10):
        async for message in market.news():
            if isinstance(message, kind):
                found.append(message)
            if len(found) == count:
                break
    return found


async def steps_of(database: str) -> list[Step]:
    async with open_store(database) as store:
        return [step async for step in store.read(AREA)]


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'events.db'}"


def test_two_members_trade_from_order_to_bill(database: str) -> None:
    async def go() -> None:
        async with (
            embedded_broker(AREA, accounts()) as port,
            live(database, port, Clock()) as area,
            member(port, "ann") as ann,
            member(port, "bob") as bob,
        ):
            await area.open()
            assert (await ann.next_open()).interval == NOON
            await ann.send(PlaceOrder(NOON, is_buy=True, energy_wh=1000, price=250_000))
            await ann.send(PlaceOrder(NOON, is_buy=True, energy_wh=700, price=90_000))
            await bob.send(PlaceOrder(NOON, is_buy=False, energy_wh=1000, price=150_000))
            await area.until(NOON - HOUR)
            [bought] = await hear(ann, Traded)
            [sold] = await hear(bob, Traded)
            assert (bought.energy_wh, bought.peer, bought.is_buy) == (1000, "bob", True)
            assert (sold.energy_wh, sold.peer, sold.is_buy, sold.price) == (1000, "ann", False, bought.price)
            assert len(await hear(ann, Unmatched)) == 1
            await area.accept()
            await area.until(END)
            await ann.report(NOON, 1200, meter="meter-ann", key=key_of("meter-ann"))
            await bob.report(NOON, -900, meter="meter-bob", key=key_of("meter-bob"))
            await area.say("head", ReportReading(NOON, 310))
            await area.until(END + HOUR)
            [bill] = await hear(ann, Bill)
            assert bill.money == {"trades": bought.price, "retail": 60_000}
            assert bill.orders == (bought.order,)
            [bill] = await hear(bob, Bill)
            assert bill.money == {"trades": -bought.price, "imbalance": 35_000}

    asyncio.run(go())


def test_what_is_sent_twice_has_one_effect_and_is_answered_both_times(database: str) -> None:
    async def go() -> None:
        async with (
            embedded_broker(AREA, accounts()) as port,
            live(database, port, Clock()) as area,
            member(port, "ann") as ann,
        ):
            await area.open()
            order, same = PlaceOrder(NOON, is_buy=True, energy_wh=1000, price=250_000), new_id()
            assert await ann.send(order, identity=same) == await ann.send(order, identity=same) == f"ann/{same}"
            assert len(area.writer.exchange.state.intervals[NOON].orders) == 1

    asyncio.run(go())


def test_a_refusal_says_which_field_is_to_blame(database: str) -> None:
    async def go() -> None:
        async with (
            embedded_broker(AREA, accounts()) as port,
            live(database, port, Clock()) as area,
            member(port, "ann") as ann,
        ):
            await area.open()
            with pytest.raises(RefusedError) as refused:
                await ann.send(PlaceOrder(NOON, is_buy=True, energy_wh=10**8, price=250_000))
            assert (refused.value.ack.reason, refused.value.ack.field) == (ReasonCode.LIMIT, "body.energy_wh")
            await area.until(NOON - HOUR)
            with pytest.raises(RefusedError) as refused:
                await ann.send(PlaceOrder(NOON, is_buy=True, energy_wh=1000, price=250_000))
            assert refused.value.ack.reason == ReasonCode.LATE

    asyncio.run(go())


@pytest.mark.parametrize("payload", [b"", b"\xff", b"{}", b"[" * 10_000, b'{"author":"bob"}', b"x" * 50_000])
def test_what_is_no_command_is_answered_on_the_senders_own_topic(database: str, payload: bytes) -> None:
    async def go() -> None:
        async with (
            embedded_broker(AREA, accounts()) as port,
            live(database, port, Clock()) as area,
            member(port, "ann") as ann,
            member(port, "bob") as bob,
        ):
            await area.open()
            answer = ann._asked[""] = asyncio.get_running_loop().create_future()
            wrong = bob._asked[""] = asyncio.get_running_loop().create_future()
            assert ann._line is not None
            await ann._line.publish(ann.topics.of_member("ann", "order"), payload, qos=1)
            async with asyncio.timeout(5):
                ack = await answer
            assert (ack.accepted, ack.reason, len(ack.digest)) == (False, ReasonCode.MALFORMED, 64)
            assert not wrong.done()
            assert area.writer.exchange.state.intervals[NOON].orders == {}

    asyncio.run(go())


def test_an_exchange_that_starts_again_goes_on_where_it_was(database: str) -> None:
    async def go() -> None:
        clock = Clock()
        async with embedded_broker(AREA, accounts()) as port, member(port, "ann") as ann:
            async with live(database, port, clock) as area:
                await area.open()
                order, same = PlaceOrder(NOON, is_buy=True, energy_wh=1000, price=250_000), new_id()
                await ann.send(order, identity=same)
                before = area.writer.exchange.state.digest()
            async with live(database, port, clock) as area:
                assert area.writer.exchange.state.digest() == before
                await ann.send(order, identity=same)
                await ann.send(order)
                assert len(area.writer.exchange.state.intervals[NOON].orders) == 2
                after = area.writer.exchange.state.digest()
        assert Exchange.from_steps(await steps_of(database), verify_command).state.digest() == after

    asyncio.run(go())


def test_words_that_the_broker_has_not_heard_are_said_when_it_is_back(database: str) -> None:
    async def go() -> None:
        clock = Clock()
        async with embedded_broker(AREA, accounts()) as port, live(database, port, clock) as area:
            await area.open()
            number = area.writer.number
        async with open_store(database) as store:  # decided, written, and then the process died before it spoke

            async def say_nothing(*_: object) -> None: ...

            async with run_area(store, RULES, actors(), key_of("market"), clock, say_nothing) as writer:
                order = PlaceOrder(NOON, is_buy=True, energy_wh=1000, price=250_000)
                await writer.submit(sign_command(Command(AREA, "ann", "lost", order), key_of("ann")))
        assert number + 1 == len(await steps_of(database))
        async with embedded_broker(AREA, accounts()) as port, member(port, "ann") as ann:
            answer = ann._asked["lost"] = asyncio.get_running_loop().create_future()
            async with live(database, port, clock), asyncio.timeout(5), open_store(database) as store:
                assert (await answer).accepted
                while await store.unsent(AREA):  # said first, and only then noted as said
                    await asyncio.sleep(0.01)

    asyncio.run(go())


def test_what_is_written_while_the_store_is_asked_is_said_once_and_not_forgotten(database: str) -> None:
    def effect(number: int) -> Effect:
        return Effect(number, 0, f"topic {number}", b"")

    class Slow(Store):
        """Two groups become durable while it answers: one that the answer holds already, and one that it does not."""

        async def unsent(self, area: str) -> list[Effect]:
            await self.append(area, 1, [STEP], [effect(1)])
            found = await super().unsent(area)
            await self.append(area, 2, [STEP], [effect(2)])
            await outbox.take((), [effect(1)])
            await outbox.take((), [effect(2)])
            return found

    async def go() -> None:
        nonlocal outbox
        async with open_store(database) as store:
            await store.append(AREA, 0, [STEP], [effect(0)])
            outbox = Outbox(AREA, Slow(store._engine))
            await outbox.refill()
            await outbox.take((), [effect(2)])
            await outbox.take((), [effect(3)])
            assert [each.number for each in outbox.waiting] == [0, 1, 2, 3]

    outbox: Outbox
    asyncio.run(go())


def test_a_database_that_fails_twice_in_a_row_is_asked_until_it_is_certain(database: str) -> None:
    class Failing(Store):
        """Writes, and does not come to say so; then cannot be read once."""

        said: ClassVar = ["append", "read"]

        async def append(self, *given: Any) -> None:
            await super().append(*given)
            if self.said[0] == "append":
                raise StoreError(self.said.pop(0))

        async def read(self, area: str, since: int = 0, most: int | None = None) -> AsyncIterator[Step]:
            if self.said == ["read"]:
                raise StoreError(self.said.pop())
            async for step in super().read(area, since, most):
                yield step

    async def go() -> None:
        async with open_store(database) as store:
            clock, said = Clock(), []

            async def tell(steps: Sequence[Step], _: object) -> None:
                said.extend(steps)

            async with run_area(store, RULES, actors(), key_of("market"), clock, tell) as writer:
                writer.store = Failing(store._engine)
                order = PlaceOrder(NOON, is_buy=True, energy_wh=1000, price=250_000)
                step = await writer.submit(sign_command(Command(AREA, "ann", "certain", order), key_of("ann")))
                assert said[-1] == step
                assert writer.store.said == []
            with pytest.raises(StoppedError):
                await writer.submit(b"too late")
        assert (await steps_of(database))[-1] == step

    asyncio.run(go())


def test_a_clock_that_is_set_back_does_not_set_the_journal_back_and_a_price_beyond_all_leaves_it_readable(
    database: str,
) -> None:
    async def told(_steps: Sequence[Step], _effects: object) -> None: ...

    async def go() -> None:
        clock = Clock()
        for back in (0, 5_000):
            async with (
                open_store(database) as store,
                run_area(store, RULES, actors(), key_of("market"), clock, told) as writer,
            ):
                clock.now -= back
                dear = msgspec.structs.replace(PRICES, import_price=1_500_000_000, imbalance_buy=1_500_000_000)
                step = await writer.submit(writer.own(OpenInterval(NOON, dear), f"dear-{back}"))
                assert isinstance(step.events[0], Refused)
                await writer.submit(writer.own(Tick(), f"tick-{back}"))
        times = [step.at for step in await steps_of(database)]
        assert times == sorted(times)

    asyncio.run(go())


def test_one_identity_sent_twice_at_once_is_answered_once_for_both(database: str) -> None:
    async def go() -> None:
        async with (
            embedded_broker(AREA, accounts()) as port,
            live(database, port, Clock()) as area,
            member(port, "ann") as ann,
        ):
            await area.open()
            order = PlaceOrder(NOON, is_buy=True, energy_wh=1000, price=250_000)
            keys = await asyncio.gather(*(ann.send(order, identity="same") for _ in range(2)))
            assert keys == ["ann/same"] * 2
            assert len(area.writer.exchange.state.intervals[NOON].orders) == 1

    asyncio.run(go())


def test_a_member_says_what_is_in_its_battery_and_nothing_else_by_that_topic(brokers: Brokers, database: str) -> None:
    async def go() -> None:
        async with brokers(AREA, accounts()) as port, live(database, port, Clock()) as area, member(port, "ann") as ann:
            await area.open()
            before, topic = area.writer.number, ann.topics.of_member("ann", "status")
            await ann.say_battery(3.2, 8.0)
            for payload in (b"", b"{", b"\xff", b'{"kind":"batteryis","soc_wh":-1,"capacity_wh":1}', b"0" * 60_000):
                await ann.publish(topic, payload)
            async with asyncio.timeout(10):
                while not area.board.batteries:
                    await asyncio.sleep(0.01)
            await ann.send(PlaceOrder(NOON, is_buy=True, energy_wh=1000, price=250_000))
            assert area.board.batteries == {"ann": BatteryIs(3_200, 8_000)}
            assert area.writer.number == before + 1

    asyncio.run(go())


def test_reading_after_a_day_of_silence_is_taken_and_settled_by_difference(database: str) -> None:
    async def go() -> None:
        async with (
            embedded_broker(AREA, accounts()) as port,
            live(database, port, Clock()) as area,
            member(port, "ann") as ann,
        ):
            await area.open()
            await area.until(NOON - HOUR)
            await area.accept()
            await area.until(END + HOUR)
            await area.until(END + HOUR + MINUTE)
            assert area.writer.exchange.state.intervals[NOON].round == 0
            await ann.report(NOON, 400, meter="meter-ann", key=key_of("meter-ann"))
            await area.until(END + HOUR + 2 * MINUTE)
            bills = await hear(ann, Bill, 2)
            assert [bill.round for bill in bills] == [0, 1]
            assert sum(bill.total for bill in bills) == 400 * 300

    asyncio.run(go())
