"""How a home trades by itself in a market area: by the mechanism of the area."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

from gridpact.client.agent import Agent
from gridpact.client.bargainer import Bargainer
from gridpact.client.mail import Mail
from gridpact.client.planner import Planner, no_bids
from gridpact.errors import InputError
from gridpact.markets import make_mechanism
from gridpact.markets.negotiation import Negotiation

WINDOW = 8
"""Intervals of a session of negotiation: a loan comes back within them."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a home knows of its area.

    Attributes
    ----------
    mechanism, options
        As configured.
    window
        Intervals of a session of negotiation; not more than are open for bidding at a time.
    """

    mechanism: str
    options: Mapping[str, Any]
    window: int = WINDOW


Way: TypeAlias = Callable[[Agent, Mail, Setting], Awaitable[None]]


async def run_home(agent: Agent, mail: Mail, setting: Setting) -> None:
    """Trade until cancelled.

    Raises
    ------
    InputError
        If homes do not know how to trade by a mechanism.
    """
    await WAYS.get(setting.mechanism.partition(":")[0], _bid)(agent, mail, setting)


async def _bid(agent: Agent, mail: Mail, setting: Setting) -> None:
    del mail, setting
    await agent.run()


async def _wait(agent: Agent, mail: Mail, setting: Setting) -> None:
    """Where there is no market before delivery: deliver, report, and share what is left."""
    del mail, setting
    agent.deal = no_bids
    await agent.run()


async def _negotiate(agent: Agent, mail: Mail, setting: Setting) -> None:
    mechanism = make_mechanism(setting.mechanism, setting.options)
    if not isinstance(mechanism, Negotiation):
        raise InputError(f"{setting.mechanism!r} is no negotiation of loans", accepted="negotiation:s2")
    (negotiator,) = mechanism.negotiators([agent.home.member])
    agent.deal = Bargainer(mail, mechanism, negotiator, setting.window)
    await agent.run()


async def _plan(agent: Agent, mail: Mail, setting: Setting) -> None:
    del setting
    agent.deal = no_bids
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.run())
        tasks.create_task(Planner(agent, mail).run())


WAYS: Mapping[str, Way] = MappingProxyType({"": _wait, "negotiation": _negotiate, "equilibrium": _plan})
"""By family of the mechanism; to all others homes send orders."""
