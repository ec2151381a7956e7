"""What the exchange and the DSO do by themselves: open intervals for bidding, publish the time, check the network."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import numpy as np

from gridpact.client import ClockIs
from gridpact.exchange import OpenInterval, Phase, Prices, Refused, ReportNetwork
from gridpact.exchange.acceptance import Checked, Forecast, Network, Policy, examine_interval
from gridpact.exchange.commands import Command
from gridpact.exchange.proof import sign_command
from gridpact.exchange.rules import DAY, HOUR
from gridpact.exchange.state import Interval
from gridpact.ledger import SigningKey
from gridpact.service.area import AreaWriter, Clock
from gridpact.service.effects import book_of
from gridpact.service.gateway import Board
from gridpact.units import FloatArray, IntArray

LOG = logging.getLogger(__name__)
PAUSE_S = 0.1
SHOW_EVERY_S = 1.0


async def open_intervals(writer: AreaWriter, prices: Callable[[int], Prices], ahead_ms: int, clock: Clock) -> None:
    """Keep every interval open for bidding whose gate closes within a time. Works until cancelled.

    Parameters
    ----------
    writer
        Of the area.
    prices
        The supplier's prices of the interval that begins then.
    ahead_ms
        How long before its gate closes an interval is opened.
    clock
        The exchange's.
    """
    rules, opened = writer.exchange.state.rules, -1
    while True:
        now = clock()
        first = (now + rules.gate_closure_ms) // rules.step_ms * rules.step_ms + rules.step_ms
        for start in range(first, now + rules.gate_closure_ms + ahead_ms, rules.step_ms):
            if start > opened and start not in writer.exchange.state.intervals:
                await writer.submit(writer.own(OpenInterval(start, prices(start)), f"open-{start}"))
            opened = max(opened, start)
        await asyncio.sleep(PAUSE_S)


async def keep_board(writer: AreaWriter, board: Board, clock: Clock, speed: float) -> None:
    """Show the time, and the books that are open, as they are once what is decided is durable. Works until cancelled."""
    rules, topics = writer.exchange.state.rules, writer.topics
    shown, is_due = set[str](), True

    def show_books() -> None:
        nonlocal shown, is_due
        if is_due:
            intervals = writer.exchange.state.intervals.values()
            now = {topics.public(f"interval/{each.start}/book"): each for each in intervals if each.phase == Phase.OPEN}
            for topic in shown - now.keys():
                board.leave(topic)
            for topic, interval in now.items():
                board.show(topic, msgspec.json.encode(book_of(interval)))
            shown, is_due = set(now), False

    writer.when_durable = show_books
    while True:
        following = min(open_ones(writer), default=0)
        said = ClockIs(clock(), speed, rules.step_ms, rules.gate_closure_ms, following, "OPEN" if following else "")
        board.show(topics.public("clock"), msgspec.json.encode(said))
        is_due = True
        if writer.is_durable:
            show_books()
        await asyncio.sleep(SHOW_EVERY_S)


def open_ones(writer: AreaWriter) -> list[int]:
    """The intervals that are open for bidding."""
    return [each.start for each in writer.exchange.state.intervals.values() if each.phase == Phase.OPEN]


@dataclass(slots=True)
class Desk:
    """The DSO's: checks each interval once its gate has closed.

    Attributes
    ----------
    writer
        Of the area.
    places
        The network with these members connected, in the order of their ids; the reactive power of each, ``[member]``.
    policy
        Which orders give way.
    name, key
        With which the DSO signs.
    first_guess
        What is expected of a member in the interval that begins then, Wh, until it has reported at that time of day.
    latest
        The last check that was made since this process began.
    """

    writer: AreaWriter
    places: Callable[[tuple[str, ...]], tuple[Network, FloatArray]]
    policy: Policy
    name: str
    key: SigningKey
    first_guess: Callable[[str, int], int]
    checked: set[int] = field(default_factory=set)
    latest: Checked | None = None

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            waiting = [
                interval
                for interval in self.writer.exchange.state.intervals.values()
                if interval.phase == Phase.CLEARED and interval.start not in self.checked
            ]
            for interval in waiting:
                await self._check(interval)
            await asyncio.sleep(PAUSE_S)

    async def _check(self, interval: Interval) -> None:
        self.checked.add(interval.start)
        hours = self.writer.exchange.state.rules.step_ms / HOUR
        if interval.roster.members:
            network, q_kvar = await asyncio.to_thread(self.places, interval.roster.members)
            forecast = Forecast(self._expected_wh(interval), q_kvar)
            self.latest = await asyncio.to_thread(examine_interval, network, interval, forecast, self.policy, hours)
            report = self.latest.report
        else:  # nobody has joined yet
            report = ReportNetwork(interval.start, self.policy.value, converged=True)
        command = Command(self.writer.topics.area, self.name, f"check-{interval.start}", report)
        step = await self.writer.submit(sign_command(command, self.key))
        for event in step.events:
            if isinstance(event, Refused):
                LOG.error(
                    "the DSO's check of interval %d was refused: %s, %s", interval.start, event.reason, event.found
                )

    def _expected_wh(self, interval: Interval) -> IntArray:
        return np.array([self.expected_wh(name, interval.start) for name in interval.roster.members], dtype=np.int64)

    def expected_wh(self, member: str, start: int) -> int:
        """A member's last reading at the same time of day; of one that has never reported then, the first guess."""
        habit, slot = self.writer.exchange.state.habits[member], start % DAY
        return habit[slot][1] if slot in habit else self.first_guess(member, start)
