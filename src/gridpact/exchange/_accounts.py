"""From an interval's trades and readings to its accounts: prepares arrays for `settle`, and reads its results into events."""

from collections.abc import Iterator, Sequence

import numpy as np

from gridpact.exchange._clearing import ROLES
from gridpact.exchange.events import IntervalSettled, TransferMade
from gridpact.exchange.roster import tariff_of
from gridpact.exchange.settlement import Settlement, settle
from gridpact.exchange.state import HEAD, Interval, State
from gridpact.markets import Pact, Trades, Transfers
from gridpact.units import IntArray


def settled(state: State, intervals: Sequence[Interval]) -> Iterator[IntervalSettled]:
    """The accounts of intervals all of whose readings are there, as the difference to what was settled before.

    Intervals with the same members are settled in one call.
    """
    by_roster: dict[int, list[Interval]] = {}
    for interval in intervals:
        by_roster.setdefault(id(interval.roster), []).append(interval)
    for group in by_roster.values():
        yield from _events(group, settle_group(state, group))


def settle_group(state: State, group: Sequence[Interval]) -> Settlement:
    """Settle intervals of the same members."""
    roster = group[0].roster
    metered = [[interval.readings[member].energy_wh for interval in group] for member in roster.members]
    shape = (len(roster.members), len(group))
    return settle(
        Pact(_trades(group), _transfers(state, group)),
        np.array(metered, dtype=np.int64).reshape(shape),
        np.array([interval.readings[HEAD].energy_wh for interval in group], dtype=np.int64),
        tariff_of(state.rules, (interval.prices for interval in group)),
        roster.charges,
    )


def _trades(group: Sequence[Interval]) -> Trades:
    rows = [
        (at[trade.seller], at[trade.buyer], column, trade.accepted_wh, trade.price)
        for column, interval in enumerate(group)
        for at in (interval.roster.at,)
        for trade in interval.trades
        if trade.accepted_wh
    ]
    return Trades(*np.array(rows, dtype=np.int64).reshape(-1, 5).T)


def _transfers(state: State, group: Sequence[Interval]) -> Transfers:
    parties = {state.holder(role): int(party) for party, role in ROLES.items()}
    rows = []
    for column, interval in enumerate(group):
        if not interval.transfers:
            continue
        agreed, standing = _energies(interval)
        for transfer in interval.transfers:
            amount = _standing_amount(transfer, agreed, standing)
            payer, payee = (
                interval.roster.at[party] if party in interval.roster.at else parties[party]
                for party in (transfer.payer, transfer.payee)
            )
            rows.append((payer, payee, column, amount, transfer.reason))
    return Transfers(*np.array(rows, dtype=np.int64).reshape(-1, 5).T)


def _energies(interval: Interval) -> tuple[dict[str, int], dict[str, int]]:
    """What each member has agreed in all, bought and sold, and what stands of it."""
    agreed: dict[str, int] = {}
    standing: dict[str, int] = {}
    for trade in interval.trades:
        for member in (trade.seller, trade.buyer):
            agreed[member] = agreed.get(member, 0) + trade.energy_wh
            standing[member] = standing.get(member, 0) + trade.accepted_wh
    return agreed, standing


def _standing_amount(transfer: TransferMade, agreed: dict[str, int], standing: dict[str, int]) -> int:
    """A transfer follows the trades of its members: of two, those of which the smaller share stands."""
    return min(
        transfer.amount * standing[party] // agreed[party] if party in agreed else transfer.amount
        for party in (transfer.payer, transfer.payee)
    )


def _events(group: Sequence[Interval], accounts: Settlement) -> Iterator[IntervalSettled]:
    """One event an interval, from arrays ``[interval, member]``, window by window."""
    first = 0
    for part in accounts.windows():
        energies = part.energies
        energy = {
            "metered": energies.metered,
            "bought": energies.bought,
            "sold": energies.sold,
            "short": energies.short,
            "unused": energies.unused,
        }
        money = part.causes()
        columns = {name: np.ascontiguousarray(values.T) for name, values in (*energy.items(), *money.items())}
        for row in range(len(part.loss_wh)):
            interval = group[first + row]
            whole = {name: values[row] for name, values in columns.items()}
            parties = {name: int(getattr(part, name)[row]) for name in ("supplier", "dso", "exchange", "loss_wh")}
            yield _event(interval, whole, parties, set(energy))
        first += len(part.loss_wh)


def _event(
    interval: Interval, whole: dict[str, IntArray], parties: dict[str, int], energies: set[str]
) -> IntervalSettled:
    members: tuple[str, ...] = interval.roster.members
    if interval.round >= 0:
        whole, parties = _difference(interval, whole, parties)
        changed = np.flatnonzero(np.any(list(whole.values()), axis=0))
        members = tuple(members[row] for row in changed)
        whole = {name: values[changed] for name, values in whole.items()}
    columns = {name: values.tolist() for name, values in whole.items() if values.any()}
    return IntervalSettled(
        interval.start,
        interval.round + 1,
        members,
        {name: values for name, values in columns.items() if name in energies},
        {name: values for name, values in columns.items() if name not in energies},
        **parties,
    )


def _difference(
    interval: Interval, whole: dict[str, IntArray], parties: dict[str, int]
) -> tuple[dict[str, IntArray], dict[str, int]]:
    before = interval.settled
    zeros = np.zeros(len(interval.roster.members), dtype=np.int64)
    differences = {name: values - np.array(before.get(name, zeros), dtype=np.int64) for name, values in whole.items()}
    return differences, {name: value - interval.settled_parties[name] for name, value in parties.items()}
