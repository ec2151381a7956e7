"""Two members negotiate over sealed inboxes, and agree on what they agree on in one process."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from gridpact.client import Traded, open_mail
from gridpact.client.bargaining import Session, agree_on_loan, negotiate_by_letters, pairs_by_lot
from gridpact.client.client import Market
from gridpact.client.mail import Mail
from gridpact.exchange import Phase, SignAgreement
from gridpact.markets.mailbox import Mailbox
from gridpact.markets.negotiation import (
    Accept,
    ContractGrid,
    Intent,
    Message,
    Offer,
    SilentPeerError,
    Space,
    negotiate_by_agents,
)
from gridpact.service.broker.embedded import embedded_broker
from service.conftest import Brokers
from service.live import AREA, NOON, RULES, Clock, Live, accounts, key_of, live, member

GRID = ContractGrid(np.arange(-3, 4) * 200, np.array([1, 2, 3]), 4)
PATIENCE_S = 60.0


def intents(seed: int) -> tuple[Intent, Intent]:
    """Random utilities with something in common, and a link without room for some contracts."""
    rng = np.random.default_rng(seed)
    common, feasible = rng.normal(0, 1, len(GRID)), rng.random(len(GRID)) < 0.8
    feasible[0] = True
    swapped = np.arange(len(GRID)) ^ 1
    return tuple(
        Intent(
            Space(np.round(common[seen] + rng.normal(0, 1.5, len(GRID)), 2), 0.5),
            rng.uniform(0.5, 0.95),
            feasible[seen],
        )
        for seen in (np.arange(len(GRID)), swapped)
    )


def sessions(seed: int, start: int = NOON) -> tuple[Session, Session]:
    first, second = intents(seed)
    ann = Session("bob", start, RULES.step_ms, GRID, first, begins=True, price=190_000)
    return ann, replace(ann, peer="ann", intent=second, begins=False)


async def pair(stack: AsyncExitStack, port: int) -> tuple[tuple[Market, Mail], tuple[Market, Mail]]:
    markets = [await stack.enter_async_context(member(port, name)) for name in ("ann", "bob")]
    mails = [await open_mail(market, key_of("market").public) for market in markets]
    for mail in mails:
        await mail.until_known("ann", "bob")
    return tuple(zip(markets, mails, strict=True))


def run(go, broker=embedded_broker) -> None:
    """With an exchange and both members on a broker."""

    async def all_of_it() -> None:
        async with asyncio.timeout(PATIENCE_S), AsyncExitStack() as stack:
            port = await stack.enter_async_context(broker(AREA, accounts()))
            area = await stack.enter_async_context(live("sqlite://", port, Clock()))
            await go(area, *await pair(stack, port))

    asyncio.run(all_of_it())


def test_agents_on_the_bus_agree_on_what_agents_in_one_process_agree_on(brokers: Brokers) -> None:
    async def go(area: Live, ann: tuple[Market, Mail], bob: tuple[Market, Mail]) -> None:
        agreed = 0
        for seed in range(8):
            here = negotiate_by_agents(*intents(seed), GRID, Mailbox(Message))
            first, second = sessions(seed, NOON + seed)
            found = await asyncio.gather(
                negotiate_by_letters(ann[1], first, linger_s=0.01), negotiate_by_letters(bob[1], second, linger_s=0.01)
            )
            swapped = None if here.agreement is None else here.agreement ^ 1
            assert found == [here.agreement, swapped], seed
            agreed += here.agreement is not None
        assert 0 < agreed < 8
        assert not ann[1].refused
        assert not bob[1].refused

    run(go, brokers)


def test_what_two_agree_on_is_signed_by_both_and_struck_as_a_loan() -> None:
    seed = next(seed for seed in range(20) if negotiate_by_agents(*intents(seed), GRID, Mailbox(Message)).agreement)

    async def go(area: Live, ann: tuple[Market, Mail], bob: tuple[Market, Mail]) -> None:
        for offset in range(4):
            await area.open(NOON + offset * RULES.step_ms)
        await ann[0].next_open()
        first, second = sessions(seed)
        ours, theirs = await asyncio.gather(
            agree_on_loan(*ann, first, linger_s=0.01), agree_on_loan(*bob, second, linger_s=0.01)
        )
        assert ours == theirs != ()
        heard = []
        async for message in ann[0].news():
            if isinstance(message, Traded):
                heard.append(message)
            if len(heard) == 2:
                break
        assert {(each.interval, each.energy_wh, each.price, each.peer) for each in heard} == {
            (each.interval, each.energy_wh, each.price, "bob") for each in ours
        }
        assert sum(each.energy_wh if each.is_buy else -each.energy_wh for each in heard) == 0
        interval = area.writer.exchange.state.intervals[NOON]
        assert interval.phase == Phase.OPEN
        assert interval.trades[0].leg

    run(go)


def test_one_signature_alone_stands_for_nothing() -> None:
    async def go(area: Live, ann: tuple[Market, Mail], bob: tuple[Market, Mail]) -> None:
        for offset in range(4):
            await area.open(NOON + offset * RULES.step_ms)
        first, _ = sessions(0)
        await ann[0].send(SignAgreement(NOON, "bob", first.terms("ann", 0)))
        await area.until(NOON - RULES.gate_closure_ms)
        assert area.writer.exchange.state.intervals[NOON].trades == []

    run(go)


def test_a_peer_that_is_silent_or_talks_out_of_line_leaves_nothing_agreed() -> None:
    """It accepts what was not offered, offers what is not on the grid, jumps turns; strangers write, too."""

    async def go(area: Live, ann: tuple[Market, Mail], bob: tuple[Market, Mail]) -> None:
        _, waiting = sessions(0)
        session = replace(waiting, peer="bob")
        for message in (Accept(1), Offer(1, 199, 1), Offer(1, 200, 9), Accept(7), Offer(3, 200, 1)):
            await bob[1].send("ann", session.subject, msgspec.msgpack.encode(message))
        await bob[1].send("ann", session.subject, b"\xc1")
        await ann[1].send("ann", session.subject, msgspec.msgpack.encode(Offer(1, 200, 1)))
        with pytest.raises(SilentPeerError, match="no answer to turn 0"):
            await negotiate_by_letters(ann[1], session, silence_s=1.5)
        assert ann[1].refused["a letter that is no message of its subject"] == 1
        assert ann[1].refused["somebody who was not asked"] == 1

    run(go)


@pytest.mark.parametrize("count", [2, 3, 10])
def test_pairs_are_drawn_anew_for_every_interval_and_nobody_is_drawn_twice(count: int) -> None:
    members = [f"home-{number}" for number in range(count)]
    drawn = [pairs_by_lot(members, AREA, start) for start in range(30)]
    for pairs in drawn:
        assert len({name for pair in pairs for name in pair}) == 2 * (count // 2)
    assert len({str(pairs) for pairs in drawn}) > 1
    assert pairs_by_lot(members, AREA, 5) == pairs_by_lot(members[::-1], AREA, 5)
