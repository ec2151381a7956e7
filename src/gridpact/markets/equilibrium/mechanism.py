"""The equilibrium as a mechanism: an outlook becomes a game, its clearing a pact."""

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from gridpact.community.member import PHASES, Member
from gridpact.markets.certificate import Certificate, Check
from gridpact.markets.equilibrium.burning import curtail_before_burning
from gridpact.markets.equilibrium.community import Offers, Terms, community_instance
from gridpact.markets.equilibrium.instance import Instance
from gridpact.markets.equilibrium.report import certify, examine
from gridpact.markets.equilibrium.safety import AcModel, AcState, clear_safely
from gridpact.markets.equilibrium.solver import Clearing, Solver
from gridpact.markets.mechanism import Gate, Memory
from gridpact.markets.outlook import Outlook
from gridpact.markets.pact import Pact, Party, Reason, Trades, Transfers
from gridpact.units import WH_PER_KWH, FloatArray, IntArray, split, to_micro

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Equilibrium:
    """Every day the next is cleared as one game, looking a day further; AC power flow of the schedule violates nothing.

    Attributes
    ----------
    name
        Registered name.
    solver
        Finds the equilibrium.
    tolerance
        Of the solver's stopping rule.
    terms
        What the tariff and the members do not say.
    accuracy
        What the certificate claims: residuals in kW, the relative gap, and regret as a share of what all members pay.
    """

    name: str
    solver: Solver
    tolerance: float
    terms: Terms
    accuracy: float

    @property
    def gate(self) -> Gate:
        """Covers a day and looks a day further; what is remembered is a warm start."""
        return Gate(covers=DAY, looks_ahead=DAY, carries_memory=True, reads_reactive=True)

    def clear(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> tuple[Pact, Memory]:
        """Clear the day; nothing is drawn.

        Raises
        ------
        InfeasibleError
            If no schedule keeps the limits of the feeder and of all members.
        SolverError
            If the solver fails.
        """
        instance, offers = community_instance(outlook, self.terms)
        clearing, ac = self._cleared(instance, outlook, memory)
        clearing = replace(clearing, allocation=curtail_before_burning(instance, clearing.allocation))
        covered = min(self.gate.intervals(outlook.horizon.step)[0], instance.H)
        pact = Pact(
            trades=_trades(clearing, offers, covered),
            transfers=_transfers(clearing, covered),
            battery_kw=clearing.allocation.p_ch - clearing.allocation.p_ds,
            certificate=self._certificate(clearing, ac),
            curtailed_kw=np.maximum(clearing.allocation.curtailed, 0),
        )
        return pact, clearing.state

    def _cleared(self, instance: Instance, outlook: Outlook, memory: Memory) -> tuple[Clearing, AcState | None]:
        if not self.terms.grid:
            return self.solver.solve(instance, tolerance=self.tolerance, warm_start=memory), None
        model = AcModel(instance, outlook.feeder, _phases(outlook.members))
        safe = clear_safely(instance, self.solver, tolerance=self.tolerance, model=model, warm_start=memory)
        return safe.clearing, safe.ac

    def _certificate(self, clearing: Clearing, ac: AcState | None) -> Certificate:
        report = examine(clearing, ac=ac)
        paid = max(float(np.abs(report.costs).sum()), 1.0)
        checks = certify(report, tolerance_kw=self.accuracy, gap=self.accuracy, regret=self.accuracy * paid).checks
        islands = sum(len(island) > 1 for island in clearing.instance.islands)
        return Certificate(
            (
                *checks,
                Check(
                    "equilibrium: clearings that stopped short of the tolerance",
                    float(not clearing.converged),
                    0.0,
                    adds_up=True,
                ),
                Check("equilibrium: rounds or iterations", float(clearing.rounds), np.inf, adds_up=True),
                Check("equilibrium: separate parts of the trading graph", float(islands), np.inf),
            )
        )


def _phases(members: tuple[Member, ...]) -> FloatArray | None:
    """Share of each member's power on each phase; None if all are on all three."""
    if all(member.phase == PHASES[0] for member in members):
        return None
    of_phase = {PHASES[0]: np.full(3, 1 / 3)} | dict(zip(PHASES[1:], np.eye(3), strict=True))
    return np.array([of_phase[member.phase] for member in members])


def _trades(clearing: Clearing, offers: Offers, covered: int) -> Trades:
    """Trades in whole Wh: what each member sells in an interval is rounded, and split by largest remainder over its buyers."""
    instance, allocation = clearing.instance, clearing.allocation
    bought = allocation.p_tr[:, :covered] * instance.dt * WH_PER_KWH
    prices = _prices(clearing, offers)[:, :, :covered]
    sold = np.maximum(np.stack([-bought, bought]), 0)  # by i, by j
    rows: list[tuple[IntArray, ...]] = []
    for seller in np.unique(instance.edges):
        links, end = np.nonzero(instance.edges == seller)
        wanted = sold[end, links]
        total = np.rint(wanted.sum(axis=0)).astype(np.int64)
        energy = split(total, np.where(total > 0, wanted, 0.0))
        at, interval = np.nonzero(energy)
        link, other = links[at], 1 - end[at]
        buyer = instance.edges[link, other]
        rows.append((np.full(len(at), seller), buyer, interval, energy[at, interval], prices[other, link, interval]))
    if not rows:
        return Trades.empty()
    seller, buyer, interval, energy_wh, price = (np.concatenate(column) for column in zip(*rows, strict=True))
    order = np.lexsort((buyer, seller, interval))
    return Trades(seller[order], buyer[order], interval[order], energy_wh[order], price[order])


def _prices(clearing: Clearing, offers: Offers) -> IntArray:
    """What a kWh costs where i buys, and where j buys, before charges, micro-units ``[end, link, hour]``.

    What the buyer pays at most and what the seller gets at least meet where a trade is below its cap; else the middle.
    """
    pi, (i, j) = clearing.allocation.pi, clearing.instance.edges.T
    most = np.stack([pi[i] - offers.buyer[:, :1], pi[j] - offers.buyer[:, 1:]])
    least = np.stack([pi[j] + offers.seller[:, 1:], pi[i] + offers.seller[:, :1]])
    return to_micro((most + least) / 2)


def _transfers(clearing: Clearing, covered: int) -> Transfers:
    """What the price per kW and the limits of the grid make a member pay, or earn: to the supplier, and to the DSO."""
    instance, allocation, prices = clearing.instance, clearing.allocation, clearing.multipliers
    total = allocation.p_mg.sum(axis=0) + instance.base_kw
    limits = prices.bus[instance.pro_bus] * allocation.draw(instance) + prices.head * allocation.p_mg
    rows: list[tuple[IntArray, ...]] = []
    for party, amount in ((Party.SUPPLIER, instance.d_h * total * allocation.p_mg), (Party.DSO, limits)):
        micro = to_micro(amount * instance.dt)[:, :covered]
        member, interval = np.nonzero(micro)
        owed = micro[member, interval]
        of_party = np.full(len(owed), int(party))
        payer, payee = np.where(owed > 0, member, of_party), np.where(owed > 0, of_party, member)
        rows.append((payer, payee, interval, np.abs(owed), np.full(len(owed), int(Reason.GRID))))
    return Transfers(*(np.concatenate(column) for column in zip(*rows, strict=True)))
