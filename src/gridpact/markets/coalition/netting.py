"""The netting game: the bill of a coalition behind one virtual meter against the bills of its members alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridpact.community import Battery
from gridpact.errors import InputError
from gridpact.markets.coalition._netting_program import NettedEnergies, netting_program
from gridpact.markets.coalition.game import Game, Totals
from gridpact.markets.coalition.pooling import check_energies, shared_worth
from gridpact.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class NettingRules:
    """How a meter is billed, alone or for a coalition. Prices in any currency, one number or ``[interval]``.

    Within a netting period import and export of a meter cancel kWh by kWh; what remains is bought at the import price, or earns
    the export price. A coalition of two or more also nets between its members, at a charge, with losses, for a fee.

    Attributes
    ----------
    import_price
        Per kWh, the same in all intervals of a netting period.
    export_price
        What the surplus at the end of a netting period earns per kWh, the same in all its intervals; at most the import price.
    period
        Label of each interval's netting period, ``[interval]``; None: each interval by itself.
    demand_price
        Per kW of the largest net import within a demand period.
    demand_period
        Label of each interval's demand period, ``[interval]``; None: the whole horizon.
    charge
        Network charge per kWh that members give to each other.
    loss
        Share of it that is lost on the way, in [0, 1).
    member_fee
        Of each member of a coalition of two or more.
    coalition_fee
        Of each coalition of two or more, once.
    """

    import_price: float | FloatArray
    export_price: float | FloatArray
    period: IntArray | None = None
    demand_price: float = 0.0
    demand_period: IntArray | None = None
    charge: float = 0.0
    loss: float = 0.0
    member_fee: float = 0.0
    coalition_fee: float = 0.0

    def __post_init__(self) -> None:
        for name in ("demand_price", "charge", "loss", "member_fee", "coalition_fee"):
            value = getattr(self, name)
            if not 0 <= value < (1 if name == "loss" else np.inf):
                accepted = "a number from 0 up to but not 1" if name == "loss" else "a finite number from 0 up"
                raise InputError(f"{name} = {value!r}", place="netting rules", accepted=accepted)


def netting_game(
    net_kwh: FloatArray,
    rules: NettingRules,
    *,
    hours: float = 1.0,
    batteries: Sequence[Battery | None] | None = None,
) -> Game:
    """The game ``v(S) = Σ_i bill({i}) − bill(S)``; single members are worth 0.

    Parameters
    ----------
    net_kwh
        Net energy of each member, ``[member, interval]``, + = consumption; before the battery, where there is one.
    rules
        How bills are made.
    hours
        Length of an interval.
    batteries
        Each member's, or None. They are run at least cost with perfect foresight, alone for the member, in a coalition for the
        coalition, and end no emptier than they start. Every value is then a linear program.

    Returns
    -------
    The game, with its program.

    Raises
    ------
    InputError
        If something is not finite, of another shape, or prices differ within a period; if an export price is above the import
        price: a meter would then earn by buying.

    Examples
    --------
    >>> rules = NettingRules(import_price=0.3, export_price=0.1, member_fee=0.05)
    >>> game = netting_game(np.array([[-3.0, 2.0], [1.0, 1.0], [4.0, -1.0]]), rules)
    >>> round(game.grand, 3), game([0]), round(game([0, 1]), 3)
    (0.65, 0.0, 0.1)
    """
    net, import_price = check_energies(net_kwh, rules.import_price, "import price")
    export_price = check_energies(net, rules.export_price, "export price")[1]
    if (export_price > import_price).any():
        found = f"the export price is above the import price in interval {int((export_price > import_price).argmax())}"
        raise InputError(found, place="netting rules", accepted="export price <= import price")
    if not 0 < hours < np.inf:
        raise InputError(f"hours = {hours!r}", place="netting game", accepted="a finite number above 0")
    owners = [None] * len(net) if batteries is None else list(batteries)
    if len(owners) != len(net):
        raise InputError(
            f"{len(owners)} batteries", place="netting game", accepted=f"one, or None, for each of {len(net)}"
        )

    each = np.arange(net.shape[1])
    period = _numbered(each if rules.period is None else rules.period, net.shape[1], "period")
    buy = _of_periods(import_price, period, "import price")
    sell = _of_periods(export_price, period, "export price")
    energies = NettedEnergies(
        net=net,
        period=period,
        demand=_numbered(
            0 * each if rules.demand_period is None else rules.demand_period, net.shape[1], "demand_period"
        ),
        buy=buy,
        sell=sell,
        gain=buy * (1 - rules.loss) - sell - rules.charge,
        kept=1 - rules.loss,
        demand_price=rules.demand_price / hours,
        hours=hours,
    )
    program = netting_program(energies, owners, rules.member_fee, rules.coalition_fee)

    if not any(owners):
        return Game.of_totals(_totals(energies, rules), program)

    def value(masks: BoolArray) -> FloatArray:
        return np.array([program.value(mask) if mask.sum() > 1 else 0.0 for mask in masks])

    return Game(len(net), value, program)


def _totals(energies: NettedEnergies, rules: NettingRules) -> Totals:
    """The savings of coalitions without batteries, from sums of energies, peak bills and heads."""
    surplus, deficit, gain = energies.worth_sharing()
    peaks = energies.net if energies.demand_price else energies.net[:, :0]
    alone = energies.peak_bills() - rules.member_fee
    sides, heads = 2 * len(gain), np.ones(len(alone))

    def worth(totals: FloatArray) -> FloatArray:
        shared = shared_worth(totals[:, :sides], gain)
        together = energies.demand_price * energies.peaks(totals[:, sides:-2]).sum(axis=1)
        return np.where(totals[:, -1] > 1, shared + totals[:, -2] - together - rules.coalition_fee, 0.0)

    return Totals(np.column_stack([surplus, deficit, peaks, alone, heads]), worth)


def _numbered(labels: IntArray, intervals: int, name: str) -> IntArray:
    """Labels of intervals as numbers from 0 up."""
    given = np.asarray(labels)
    if given.shape != (intervals,):
        raise InputError(f"{name} of shape {given.shape}", place="netting rules", accepted=f"{intervals} labels")
    return np.asarray(np.unique(given, return_inverse=True)[1], dtype=np.int64)


def _of_periods(price: FloatArray, period: IntArray, name: str) -> FloatArray:
    """The price of each period, from that of its intervals."""
    of_period = np.zeros(period.max(initial=-1) + 1)
    of_period[period] = price
    for interval in np.flatnonzero(of_period[period] != price)[:1]:
        found = f"the {name} of interval {interval} differs from another of its netting period"
        raise InputError(
            found, place="netting rules", accepted="one price a period; split the period where the price changes"
        )
    return of_period
