"""Day after day: when the operator invites, and what it knows of the game."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import aiomqtt
import numpy as np

from gridpact.client.dayahead import UnfinishedDayError
from gridpact.community import Member
from gridpact.errors import InputError
from gridpact.exchange import Phase, Role
from gridpact.exchange.roster import tariff_of
from gridpact.exchange.rules import HOUR
from gridpact.horizon import Horizon
from gridpact.markets import Outlook
from gridpact.markets.equilibrium.community import Terms, community_instance
from gridpact.service.dayahead import Day, DayDesk, enter, open_day_desk
from gridpact.service.duties import PAUSE_S
from gridpact.units import FloatArray, to_kwh

if TYPE_CHECKING:
    from gridpact.service.market import LiveArea

LOG = logging.getLogger(__name__)
AGAIN_AFTER_S = 1.0


async def hold_days(area: "LiveArea", terms: Terms) -> None:
    """Plan every day ahead, once, some time before its first gate closes. Works until cancelled.

    A day that comes to no end leaves its energy with the supplier; the next one is planned all the same.
    """
    state, line = area.writer.exchange.state, area.line
    exchange, key = state.holder(Role.EXCHANGE), area.parties.of("market").signing_key
    held: set[int] = set()
    while True:
        try:
            async with open_day_desk(
                area.writer.topics, exchange, key, line.url, line.user, line.password, line.tls
            ) as desk:
                while True:
                    await _hold_due(area, desk, terms, held)
                    await asyncio.sleep(PAUSE_S)
        except* aiomqtt.MqttError as errors:
            LOG.warning("area %s: %s; again in %.1f s", area.config.name, errors.exceptions[0], AGAIN_AFTER_S)
            await asyncio.sleep(AGAIN_AFTER_S)


async def _hold_due(area: "LiveArea", desk: DayDesk, terms: Terms, held: set[int]) -> None:
    """Plan the day that is due, if one is."""
    state, now, config = area.writer.exchange.state, area.clock(), area.config
    begins = now + state.rules.gate_closure_ms
    start = -(-begins // config.day_ms) * config.day_ms
    intervals = range(start, start + config.day_ms, state.rules.step_ms)
    is_open = all(at in state.intervals and state.intervals[at].phase == Phase.OPEN for at in intervals)
    if start in held or not is_open or start - begins > config.day_lead_ms:
        return
    members = state.intervals[start].roster.members
    if len(members) < 2 or any(state.intervals[at].roster.members != members for at in intervals):
        LOG.warning("area %s: day %d: nobody to plan with, or members join in the middle of it", config.name, start)
        held.add(start)
        return
    try:
        day = await asyncio.to_thread(day_of, area, terms, start, members)
        desk.know(state.actors.values())
        await enter(area.writer, await desk.hold(day))
    except (UnfinishedDayError, InputError) as error:
        LOG.warning("area %s: %s", config.name, error)
    held.add(start)  # a day that a broken line has ended is planned again


def day_of(area: "LiveArea", terms: Terms, start: int, members: Sequence[str]) -> Day:
    """The game as the operator knows it: who is where with what, what everybody has drawn before, prices, the feeder.

    Raises
    ------
    InputError
        If the feeder is meshed.
    """
    state, community = area.writer.exchange.state, area.community
    rules, roster = state.rules, state.intervals[start].roster
    times = range(start, start + area.config.day_ms, rules.step_ms)
    hours = rules.step_ms / HOUR
    known = {member.id: member for member in community.members}
    people = tuple(known.get(name) or Member(name, *area.places.joined[name]) for name in members)
    expected_wh = np.array([[area.desk.expected_wh(name, at) for at in times] for name in members])
    demand_kw: FloatArray = to_kwh(expected_wh) / hours
    _, q_kvar = area.places(tuple(members))
    outlook = Outlook(
        members=people,
        feeder=community.feeder,
        horizon=Horizon(
            datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=start),
            timedelta(milliseconds=rules.step_ms),
            len(times),
        ),
        tariff=tariff_of(rules, (state.intervals[at].prices for at in times)),
        charges=roster.charges,
        wanted_share=np.zeros(len(people)),
        demand_kw=demand_kw,
        net_kw=demand_kw,
        soc_kwh=np.zeros(len(people)),
        reactive_kvar=np.repeat(q_kvar[:, None], len(times), axis=1),
    )
    instance, offers = community_instance(outlook, terms)
    shifts = np.stack([offers.seller[:, 1] - offers.buyer[:, 0], offers.seller[:, 0] - offers.buyer[:, 1]], axis=1) / 2
    return Day(instance, start, rules.step_ms, shifts)
