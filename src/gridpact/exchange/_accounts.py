"""From an interval's trades and readings to its accounts: prepares arrays for `settle`, and reads its results into events."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from gridpact.community import Member, Tariff
from gridpact.errors import InputError
from gridpact.exchange._clearing import ROLES
from gridpact.exchange._mechanisms import pool_of
from gridpact.exchange.events import IntervalSettled, TransferMade
from gridpact.exchange.roster import tariff_of
from gridpact.exchange.settlement import CELLS_AT_ONCE, Energies, settle_by_cause
from gridpact.exchange.state import Interval, State
from gridpact.exchange.values import Prices
from gridpact.horizon import Horizon
from gridpact.markets import Metering, Pact, Trades, Transfers
from gridpact.units import IntArray

ENERGIES = ("metered", "bought", "sold", "pooled", "astray")
PARTIES = ("supplier", "dso", "exchange", "loss_wh")


def settled(state: State, intervals: Sequence[Interval]) -> Iterator[IntervalSettled]:
    """The accounts of intervals all of whose readings are there, as the difference to what was settled before.

    Intervals with the same members are settled together, as many at a time as fit into a cache.
    """
    by_roster: dict[int, list[Interval]] = {}
    for interval in intervals:
        by_roster.setdefault(id(interval.roster), []).append(interval)
    for group in by_roster.values():
        width = max(1, CELLS_AT_ONCE // max(1, len(group[0].roster.members))) if not state.rules.pool else 1
        for first in range(0, len(group), width):
            yield from _settled_together(state, group[first : first + width])


def _settled_together(state: State, group: Sequence[Interval]) -> Iterator[IntervalSettled]:
    roster = group[0].roster
    metered_wh = np.array([interval.metered_wh for interval in group], dtype=np.int64).T
    tariff = tariff_of(state.rules, (interval.prices for interval in group))
    agreed = Pact(_trades(group), _transfers(state, group))
    shared = _shared(state, group[0], agreed, metered_wh[:-1], tariff)
    pact = Pact(Trades.concat([agreed.trades, shared.trades]), Transfers.concat([agreed.transfers, shared.transfers]))
    accounts, causes = settle_by_cause(pact, metered_wh[:-1], metered_wh[-1], tariff, roster.charges)
    shape, energies = metered_wh[:-1].shape, accounts.energies
    energy = {
        "metered": energies.metered,
        "bought": agreed.trades.bought_wh(shape),
        "sold": agreed.trades.sold_wh(shape),
        "pooled": shared.trades.position_wh(shape),
        "astray": energies.short + energies.unused,
    }
    columns = {name: np.ascontiguousarray(values.T) for name, values in (energy | causes).items()}
    parties = {name: getattr(accounts, name).tolist() for name in PARTIES}
    for row, interval in enumerate(group):
        whole = {name: values[row] for name, values in columns.items()}
        yield _event(interval, whole, {name: values[row] for name, values in parties.items()})


def pool_problem(state: State, prices: Prices) -> str:
    """Why the area's pool rule could not share at these prices, if everybody's meter showed the most; empty if it can."""
    rule = pool_of(state.rules)
    if rule is None or not state.roster.members:
        return ""
    sides = np.where(np.arange(len(state.roster.members)) % 2, -1, 1)
    metered_wh = (state.rules.most_reading_wh * sides)[:, None]
    members = tuple(Member(id=name, bus="", zone=state.actors[name].zone) for name in state.roster.members)
    horizon = Horizon(datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=state.rules.step_ms), 1)
    try:
        rule.share(Metering(members, horizon, tariff_of(state.rules, [prices]), metered_wh))
    except InputError as error:
        return f"the pool rule {state.rules.pool} cannot share: {error}"
    return ""


def _shared(state: State, interval: Interval, agreed: Pact, metered_wh: IntArray, tariff: Tariff) -> Pact:
    """What the pool rule of the area makes of the energy that nobody has traded; what went astray is not in the pool."""
    rule = pool_of(state.rules)
    if rule is None:
        return Pact()
    shape = metered_wh.shape
    energies = Energies(metered_wh, agreed.trades.bought_wh(shape), agreed.trades.sold_wh(shape))
    members = tuple(Member(id=name, bus="", zone=state.actors[name].zone) for name in interval.roster.members)
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=interval.start)
    horizon = Horizon(start, timedelta(milliseconds=state.rules.step_ms), 1)
    return rule.share(Metering(members, horizon, tariff, energies.imported - energies.exported))


def _trades(group: Sequence[Interval]) -> Trades:
    """What stands of the trades, in columns: a thousand members make a million trades a month."""
    rows: list[int] = []
    counts = []
    for interval in group:
        at, before = interval.roster.at, len(rows)
        rows += [
            item
            for trade in interval.trades
            if trade.accepted_wh
            for item in (at[trade.seller], at[trade.buyer], trade.accepted_wh, trade.price)
        ]
        counts.append((len(rows) - before) // 4)
    sellers, buyers, energies, prices = np.fromiter(rows, np.int64, len(rows)).reshape(-1, 4).T
    return Trades(sellers, buyers, np.repeat(np.arange(len(group)), counts), energies, prices)


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


def _event(interval: Interval, whole: dict[str, IntArray], parties: dict[str, int]) -> IntervalSettled:
    members: tuple[str, ...] = interval.roster.members
    if interval.round >= 0:
        none = [0] * len(members)
        whole = {name: values - np.array(interval.settled.get(name, none)) for name, values in whole.items()}
        parties = {name: value - interval.settled_parties[name] for name, value in parties.items()}
        changed = np.flatnonzero(np.any(list(whole.values()), axis=0))
        members = tuple(members[row] for row in changed)
        whole = {name: values[changed] for name, values in whole.items()}
    columns = {name: values.tolist() for name, values in whole.items() if np.count_nonzero(values)}
    return IntervalSettled(
        interval.start,
        interval.round + 1,
        members,
        energy={name: values for name, values in columns.items() if name in ENERGIES},
        money={name: values for name, values in columns.items() if name not in ENERGIES},
        **parties,
    )
