"""A home that negotiates: for each interval it meets another home, and lends or borrows what suits both."""

import logging
from dataclasses import dataclass, field

import numpy as np

from gridpact.client.agent import Agent
from gridpact.client.bargaining import Session, agree_on_loan, pairs_by_lot
from gridpact.client.mail import Mail
from gridpact.exchange import Phase
from gridpact.markets.negotiation import Intent, Negotiation, Negotiator, SilentPeerError, contract_spaces
from gridpact.units import FloatArray, IntArray, to_kwh

LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Bargainer:
    """An agent's `Deal` where members negotiate.

    Attributes
    ----------
    mail
        Of the home.
    mechanism
        How the area negotiates: its rules and the size of links are everybody's.
    negotiator
        What this home weighs and hopes for; private.
    window
        Intervals of a session, the one in which a loan is given included: it is held as soon as the last of them has opened.
    """

    mail: Mail
    mechanism: Negotiation
    negotiator: Negotiator
    window: int
    _met: set[int] = field(default_factory=set)

    async def __call__(self, agent: Agent, opened: int) -> None:
        """Negotiate about the interval whose window has just opened as a whole."""
        start = opened - (self.window - 1) * agent.home.step_ms
        if start in self._met or any(agent.market.phases.get(at) != Phase.OPEN for at in self._window(agent, start)):
            return
        self._met.add(start)
        owner, members = self.mail.owner, self.mail.members()
        pair = next((pair for pair in pairs_by_lot(members, self.mail.topics.area, start) if owner in pair), None)
        if pair is None or start not in agent.market.prices:
            return
        session = self._session(agent, start, pair)
        try:
            await agree_on_loan(agent.market, self.mail, session)
        except SilentPeerError as error:
            LOG.info("%s and %s about %d: %s", owner, session.peer, start, error)

    def _window(self, agent: Agent, start: int) -> range:
        return range(start, start + self.window * agent.home.step_ms, agent.home.step_ms)

    def _session(self, agent: Agent, start: int, pair: tuple[str, str]) -> Session:
        owner, home = self.mail.owner, agent.home
        peer = pair[1] if pair[0] == owner else pair[0]
        net_kw, soc_kwh = home.foreseen(agent.clock(), start, self.window)
        agreed_kw = to_kwh(self._bought_wh(agent, start)) / home.hours
        grid = self.mechanism.terms.grid(home.hours, self.window)
        expected: FloatArray = (net_kw - agreed_kw)[None, None]
        (space,) = contract_spaces([self.negotiator], expected, np.array([soc_kwh]), grid, home.hours)
        lent_wh = -self._bought_wh(agent, start, peer)
        feasible = grid.feasible(lent_wh, self.mechanism.terms.limit_wh(home.hours))
        prices = agent.market.prices[start].prices
        return Session(
            peer,
            start,
            home.step_ms,
            grid,
            Intent(space, self.negotiator.aspiration, feasible),
            begins=pair[0] == owner,
            price=(prices.import_price + prices.export_price) // 2,
            rules=self.mechanism.terms.rules,
        )

    def _bought_wh(self, agent: Agent, start: int, peer: str | None = None) -> IntArray:
        """What the home has bought in each interval of a window, of one peer or of all, Wh; what it sold is negative."""
        bought = np.zeros(self.window, dtype=np.int64)
        for (interval, trade), energy_wh in agent.traded.items():
            at = (interval - start) // agent.home.step_ms
            if 0 <= at < self.window and peer in (None, agent.peers[interval, trade]):
                bought[at] += energy_wh
        return bought
