"""The equilibrium by name. The first line of each factory is what users are shown."""

from collections.abc import Callable

from gridpact.community.member import check_range
from gridpact.markets.equilibrium.central import ACCURACY, CentralSolver
from gridpact.markets.equilibrium.community import Terms
from gridpact.markets.equilibrium.distributed import DistributedSolver
from gridpact.markets.equilibrium.mechanism import Equilibrium

LEAST_NORM = 1e-6
"""Of several trades of equal cost those of least norm; money per kWh and kW."""


def central(
    *,
    method: str = "piqp",
    partners: int | None = 10,
    link_limit_kw: float | None = None,
    shared_price: float = 0.0,
    curtailment: bool = True,
    grid: bool = True,
) -> Equilibrium:
    """Day-ahead equilibrium with the grid inside, AC-safe: one program, solved where all is known.

    Parameters
    ----------
    method
        ``"piqp"`` or ``"clarabel"``.
    partners
        Each member may trade with so many members that can sell, nearest first; None: with all.
    link_limit_kw
        Most that a pair may trade, as mean power of an interval; None: never felt.
    shared_price
        Beside the tariff, price per kWh for each kW that all import together.
    curtailment
        Whether surplus of PV may be held back.
    grid
        Whether the limits of the feeder hold inside.
    """
    terms = Terms(partners, link_limit_kw, shared_price, curtailment, grid)
    solver = CentralSolver(method, least_norm=LEAST_NORM)
    return Equilibrium("equilibrium:central", solver, ACCURACY, terms, accuracy=1e-5)


def distributed(
    *,
    tolerance: float = 0.1,
    partners: int | None = 10,
    link_limit_kw: float | None = None,
    shared_price: float = 0.0,
    curtailment: bool = True,
    grid: bool = True,
) -> Equilibrium:
    """The same equilibrium without a centre: members and the operator agree round by round, to a tolerance.

    Parameters
    ----------
    tolerance
        Of the stopping rule, in kW and in hundredths of the currency per kWh; the certificate claims no more: residuals in kW,
        the relative gap, and regret as a share of what all pay. It takes fewer rounds with a `shared_price`.
    partners, link_limit_kw, shared_price, curtailment, grid
        As for ``equilibrium:central``.
    """
    check_range(tolerance, "tolerance", 1e-6, 1.0)
    terms = Terms(partners, link_limit_kw, shared_price, curtailment, grid)
    return Equilibrium("equilibrium:distributed", DistributedSolver(), tolerance, terms, accuracy=tolerance)


VARIANTS: dict[str, Callable[..., Equilibrium]] = {"central": central, "distributed": distributed}
"""Variants of the family ``equilibrium`` by name: the entry point."""
