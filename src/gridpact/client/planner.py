"""A home that plans a day ahead: what it expects and what its battery can do, as the equilibrium's agents take it."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import aiomqtt
import msgspec
import numpy as np

from gridpact.client.agent import Agent
from gridpact.client.client import NoAnswerError, RefusedError
from gridpact.client.dayahead import Invitation, UnfinishedDayError, plan_day
from gridpact.client.mail import Mail
from gridpact.errors import UNREADABLE, InputError
from gridpact.markets.equilibrium import Instance, SolverError, Terminal
from gridpact.markets.equilibrium.community import devices_of
from gridpact.markets.equilibrium.distributed import Members
from gridpact.units import FloatArray

LOG = logging.getLogger(__name__)


async def no_bids(agent: Agent, opened: int) -> None:
    """An agent's `Deal` where days are planned ahead: nothing is done about single intervals."""
    del agent, opened


@dataclass(slots=True)
class Planner:
    """Takes the operator's invitations, and plans.

    Attributes
    ----------
    agent
        With the home and the line.
    mail
        Of the home.
    """

    agent: Agent
    mail: Mail

    async def run(self) -> None:
        """Plan whenever invited, until cancelled."""
        market, mail = self.agent.market, self.mail
        topic = market.topics.of_member(market.member, "invitation")
        await market.take_from(topic, lambda at, payload: mail.take_from(at, mail.exchange, payload))
        tray = mail.tray("invitation")
        async with asyncio.TaskGroup() as tasks:
            while True:
                await tray.arrived.wait()
                for _, body in tray.take():
                    tasks.create_task(self._try(self._plan(body)))

    async def _plan(self, body: bytes) -> None:
        invitation = msgspec.msgpack.decode(body, type=Invitation)
        home, clock = self.agent.home, self.agent.clock
        net_kw, soc_kwh = home.foreseen(clock(), invitation.start, invitation.intervals)
        own = own_day(invitation, net_kw, soc_kwh, self.agent)
        await plan_day(self.agent.market, self.mail, invitation, own)

    async def _try(self, work: Coroutine[Any, Any, None]) -> None:
        """A day that goes wrong is no reason to miss the next: its energy is the supplier's business."""
        try:
            await work
        except (
            UnfinishedDayError,
            RefusedError,
            NoAnswerError,
            SolverError,
            InputError,
            *UNREADABLE,
            aiomqtt.MqttError,
        ) as error:
            LOG.warning("%s: %s", self.mail.owner, error)


def own_day(invitation: Invitation, net_kw: FloatArray, soc_kwh: float, agent: Agent) -> Members:
    """What a member knows of its day, in the units of the game: a game of its own, behind a line without limits."""
    member, hours = agent.home.member, invitation.step_ms / 3_600_000
    zero = np.zeros(2)
    surplus = np.maximum(-net_kw, 0.0) if member.pv_kwp > 0 else np.zeros_like(net_kw)
    alone = Instance(
        H=invitation.intervals,
        dt=hours,
        bus_name=("head", "home"),
        parent=np.array([-1, 0]),
        r=zero,
        x=zero,
        z_ohm=zero.astype(complex),
        s_max=np.full(2, np.inf),
        kv=0.4,
        v0=1.0,
        vmin=0.0,
        vmax=np.inf,
        pmin=-np.inf,
        pmax=np.inf,
        pas_p=np.zeros((2, invitation.intervals)),
        pas_q=np.zeros((2, invitation.intervals)),
        pro_bus=np.array([1]),
        pd=net_kw[None],
        qd=np.zeros((1, invitation.intervals)),
        cur_max=surplus[None],
        **devices_of([member], np.array([soc_kwh]), hours),
        terminal=Terminal.AT_LEAST,
        import_only=False,
        edges=np.zeros((0, 2), dtype=np.int64),
        cap=np.zeros(0),
        c_tr=np.zeros((0, 2)),
        c_ta=np.zeros(0),
        d_h=np.zeros(invitation.intervals),
        price_im=np.array(invitation.import_price),
        price_ex=np.array(invitation.export_price),
        pro_name=(member.id,),
    )
    return Members.of(alone, invitation.units)
