"""The DSO's decisions: what stands is a part of what was struck, and what gave way is what the policy takes."""

from collections.abc import Iterator

import numpy as np

from gridpact.community import Community
from gridpact.errors import GridpactError
from gridpact.exchange.acceptance import Acceptance, Case, Network, Orders, Policy, Uses, accept
from gridpact.exchange.proof.words import CaseOrdersTable, UsesTable
from gridpact.ledger import DifferenceError
from gridpact.markets import Pact, Trades
from gridpact.units import IntArray

ORDERS = ("seller", "buyer", "energy_wh", "placed", "worth", "cost")
USES = ("reference_wh", "planned_wh", "spare_injection_wh", "spare_withdrawal_wh")


def decided_columns(case: Case, decided: Acceptance) -> tuple[dict[str, list[int]], dict[str, list[float]]]:
    """What the DSO decided on and what came of it, as tables ``orders`` and ``uses``."""
    orders = {name: getattr(case.orders, name).tolist() for name in ORDERS}
    uses = {name: getattr(case.uses, name).tolist() for name in USES}
    decision = {"q_kvar": case.q_kvar.tolist(), "net_wh": decided.net_wh.tolist()}
    return {**orders, "left_wh": decided.energy_wh.tolist()}, {**uses, **decision}


def check_part(where: str, struck: Pact, accepted: Pact, *, everything: bool) -> None:
    """Hold what stands in an interval against what was struck for it, row by row, in the order in which it was struck.

    Parameters
    ----------
    where
        The entry.
    struck, accepted
        What the market made, and what the DSO lets stand.
    everything
        Whether nothing may be missing: the DSO says that it took nothing.

    Raises
    ------
    DifferenceError
        At a trade or transfer that was not struck, or stands with more than was struck, or is missing.
    """
    kinds = (
        ("trades", struck.trades, accepted.trades, ("seller", "buyer", "price"), "energy_wh"),
        ("transfers", struck.transfers, accepted.transfers, ("payer", "payee", "reason"), "amount"),
    )
    for name, made, left, who, size in kinds:
        rows = _rows(made, who, size)
        for row, (parties, amount) in enumerate(_rows(left, who, size)):
            most = next((most for same, most in rows if same == parties), None)
            claimed = ", ".join(f"{key} {value}" for key, value in zip(who, parties, strict=True)) + f", {amount}"
            if most is None or amount > most or (everything and amount != most):
                found = "nothing of the kind" if most is None else f"{most} struck"
                follows = "what the DSO accepts is no part of what the market made"
                raise DifferenceError(f"{where}, {name}, row {row}", claimed, found, follows)
        if everything and next(rows, None) is not None:
            raise DifferenceError(where, f"all {name} stand", "some are missing", "they were cut without a reason")


def check_decision(
    where: str, community: Community, policy: str, orders: CaseOrdersTable, uses: UsesTable, prices: tuple[int, int]
) -> None:
    """Decide again on what the DSO decided on, by the same policy.

    Parameters
    ----------
    where
        The entry.
    community, policy
        Members on their feeder; which orders give way.
    orders, uses
        What was decided on, and what came of it.
    prices
        Import and export price of the interval.

    Raises
    ------
    DifferenceError
        If something else comes of it.
    """
    try:
        case = Case(
            Orders(*(getattr(orders, name) for name in ORDERS)),
            Uses(*(np.array(getattr(uses, name), dtype=np.int64) for name in USES)),
            np.array(uses.q_kvar, dtype=np.float64),
            community.horizon.hours,
            *prices,
        )
        found = accept(Network.of(community), case, Policy(policy))
    except (GridpactError, ValueError) as error:
        raise DifferenceError(where, "a decision of the DSO", str(error), "nobody can repeat it") from None
    for name, claimed, due in (
        ("energy left", orders.left_wh, found.energy_wh),
        ("net demand", uses.net_wh, found.net_wh),
    ):
        differs = np.flatnonzero(np.asarray(claimed) != due)
        if len(differs):
            row = int(differs[0])
            follows = f"{policy} takes something else on this network"
            raise DifferenceError(f"{where}, row {row}", f"{name} {claimed[row]} Wh", f"{due[row]} Wh", follows)


def check_left(where: str, orders: CaseOrdersTable, accepted: Trades) -> None:
    """What stands must be what the decision left, row by row; raises `DifferenceError`."""
    left = [row for row in zip(orders.seller, orders.buyer, orders.left_wh, strict=True) if row[2]]
    stands = list(zip(*(column.tolist() for column in _trades(accepted)), strict=True))
    if left != stands:
        row = next(at for at in range(max(len(left), len(stands))) if left[at : at + 1] != stands[at : at + 1])
        claimed, found = (str(rows[row]) if row < len(rows) else "nothing" for rows in (stands, left))
        follows = "what stands is not what the decision left"
        raise DifferenceError(f"{where}, trades, row {row}", f"seller, buyer, Wh {claimed}", found, follows)


def _trades(trades: Trades) -> tuple[IntArray, IntArray, IntArray]:
    return trades.seller, trades.buyer, trades.energy_wh


def _rows(table: object, who: tuple[str, ...], size: str) -> Iterator[tuple[tuple[int, ...], int]]:
    columns = [getattr(table, name).tolist() for name in (*who, size)]
    return ((tuple(row[:-1]), row[-1]) for row in zip(*columns, strict=True))
