"""What a mechanism returns: trades, transfers, schedules, a certificate. Immutable; an empty pact is a valid one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import Self, TypeVar

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.certificate import Certificate
from gridpact.units import BoolArray, FloatArray, IntArray, payment


class Party(IntEnum):
    """Parties beside the members, who are counted from 0."""

    SUPPLIER = -1
    DSO = -2
    EXCHANGE = -3


class Reason(IntEnum):
    """Why money moves without a trade."""

    SURPLUS = 0
    DEFICIT = 1
    POOL = 2
    GRID = 3


def sum_cells(member: IntArray, interval: IntArray, amount: IntArray, shape: tuple[int, ...]) -> IntArray:
    """Add up rows by member and interval; ``shape`` is (members, intervals). Cells without a row take no memory."""
    total = np.zeros(shape, dtype=np.int64)
    np.add.at(total.reshape(-1), member * shape[1] + interval, amount)
    return total


class Columns:
    """Columns of equal length, all of them int64 arrays."""

    def __post_init__(self) -> None:
        lengths = set()
        for column in fields(self):  # type: ignore[arg-type]
            given = np.asarray(getattr(self, column.name))
            if given.size and given.dtype.kind not in "biu":
                found = f"{column.name} of {type(self).__name__.lower()} is {given.dtype}"
                raise InputError(found, accepted="integers: Wh and micro-units, see gridpact.units")
            values = np.ascontiguousarray(given, dtype=np.int64).view()
            values.flags.writeable = False
            object.__setattr__(self, column.name, values)
            lengths.add(len(values))
        if len(lengths) != 1:
            raise ValueError(f"columns differ in length: {sorted(lengths)}")

    def columns(self) -> dict[str, IntArray]:
        """The columns by name."""
        return {column.name: getattr(self, column.name) for column in fields(self)}  # type: ignore[arg-type]

    def _refuse(self, wrong: BoolArray, found: str, accepted: str) -> None:
        """Refuse the first row that is wrong."""
        for row in np.flatnonzero(wrong)[:1]:
            raise InputError(found, place=f"row {row} of {type(self).__name__.lower()}", accepted=accepted)

    def __len__(self) -> int:
        return len(next(iter(self.columns().values())))

    def where(self, wanted: BoolArray | IntArray) -> Self:
        """The rows that are wanted: a mask ``[row]``, or their positions."""
        return type(self)(*(column[wanted] for column in self.columns().values()))

    @classmethod
    def empty(cls) -> Self:
        """No rows."""
        return cls(*(np.empty(0, dtype=np.int64) for _ in fields(cls)))  # type: ignore[arg-type]

    @classmethod
    def concat(cls, tables: Sequence[Self]) -> Self:
        """The rows of several tables, one after the other."""
        if not tables:
            return cls.empty()
        return cls(*(np.concatenate([getattr(t, f.name) for t in tables]) for f in fields(cls)))  # type: ignore[arg-type]


_ALONE = np.empty(0, dtype=np.int64)
"""Stands for a column of legs that nobody gave."""


@dataclass(frozen=True, eq=False)
class Trades(Columns):
    """Energy that passes from a seller to a buyer at a price; one row a trade.

    Attributes
    ----------
    seller, buyer
        Positions of members.
    interval
        Position in the horizon of the outlook that the pact answers.
    energy_wh
        Positive.
    price
        Micro-units per kWh, before network and service charges; may be negative.
    leg
        Trades with the same number from 0 up belong together, as the two legs of a loan do: what cuts one scales the others.
        −1, the default, for a trade on its own.
    """

    seller: IntArray
    buyer: IntArray
    interval: IntArray
    energy_wh: IntArray
    price: IntArray
    leg: IntArray = field(default_factory=lambda: _ALONE)

    def __post_init__(self) -> None:
        if self.leg is _ALONE:
            object.__setattr__(self, "leg", np.full(len(np.asarray(self.seller)), -1, dtype=np.int64))
        Columns.__post_init__(self)
        self._refuse(self.leg < -1, "a leg below −1", "numbers from 0 up, −1 for a trade on its own")
        self._refuse(self.energy_wh < 1, "an energy below 1 Wh", "positive energies")
        self._refuse((self.seller < 0) | (self.buyer < 0), "a seller or buyer below 0", "positions of members")
        self._refuse(self.seller == self.buyer, "a member that trades with itself", "two members")
        self._refuse(self.interval < 0, "an interval below 0", "positions in the horizon")

    def window(self, first: int, last: int) -> "Trades":
        """The trades of intervals ``first`` (included) to ``last`` (excluded), counted from ``first``."""
        rows = self.where((self.interval >= first) & (self.interval < last))
        return replace(rows, interval=rows.interval - first)

    def payments(self) -> IntArray:
        """What each buyer pays its seller, micro-units."""
        return payment(self.energy_wh, self.price)

    def bought_wh(self, shape: tuple[int, ...]) -> IntArray:
        """Energy bought; ``shape`` is (members, intervals), here as below."""
        return sum_cells(self.buyer, self.interval, self.energy_wh, shape)

    def sold_wh(self, shape: tuple[int, ...]) -> IntArray:
        """Energy sold."""
        return sum_cells(self.seller, self.interval, self.energy_wh, shape)

    def position_wh(self, shape: tuple[int, ...]) -> IntArray:
        """Net traded energy, + = bought."""
        return self.bought_wh(shape) - self.sold_wh(shape)

    def bills(self, shape: tuple[int, ...]) -> IntArray:
        """What each member pays for its trades, net, micro-units."""
        paid = self.payments()
        received = sum_cells(self.seller, self.interval, paid, shape)
        return sum_cells(self.buyer, self.interval, paid, shape) - received


@dataclass(frozen=True, eq=False)
class Transfers(Columns):
    """Money that moves without a trade; one row a transfer.

    Attributes
    ----------
    payer, payee
        Positions of members, or a `Party`.
    interval
        Position in the horizon.
    amount
        Micro-units, not negative.
    reason
        A `Reason`.
    """

    payer: IntArray
    payee: IntArray
    interval: IntArray
    amount: IntArray
    reason: IntArray

    def __post_init__(self) -> None:
        Columns.__post_init__(self)
        known = "positions of members, or a Party"
        self._refuse(np.minimum(self.payer, self.payee) < min(Party), "an unknown party", known)
        self._refuse(self.payer == self.payee, "a party that pays itself", "two parties")
        self._refuse(self.amount < 0, "a negative amount", "amounts from 0 up")
        self._refuse(self.interval < 0, "an interval below 0", "positions in the horizon")

    def window(self, first: int, last: int) -> "Transfers":
        """The transfers of intervals ``first`` (included) to ``last`` (excluded), counted from ``first``."""
        rows = self.where((self.interval >= first) & (self.interval < last))
        return replace(rows, interval=rows.interval - first)

    def paid_by_members(self, shape: tuple[int, ...]) -> IntArray:
        """What each member pays, net, micro-units; ``shape`` is (members, intervals)."""
        total = np.zeros(shape, dtype=np.int64)
        for party, sign in ((self.payer, 1), (self.payee, -1)):
            own = party >= 0
            if own.any():
                total += sign * sum_cells(party[own], self.interval[own], self.amount[own], shape)
        return total

    def paid_by(self, party: Party, intervals: int) -> IntArray:
        """What a party beside the members pays, net, micro-units ``[interval]``."""
        total = np.zeros(intervals, dtype=np.int64)
        for side, sign in ((self.payer, 1), (self.payee, -1)):
            np.add.at(total, self.interval[side == party], sign * self.amount[side == party])
        return total


@dataclass(frozen=True, eq=False)
class Pact:
    """The outcome of one clearing, or of many put together.

    Attributes
    ----------
    trades, transfers
        Who sells to whom, and what else is paid.
    battery_kw
        Power that the mechanism schedules for each member's battery, ``[member, interval]``, + = charging; None, or NaN in a
        cell, leaves the battery to self-consumption.
    certificate
        What the outcome claims.
    curtailed_kw
        PV that the mechanism holds back, ``[member, interval]``, not negative; None: none. No more than there is.
    heater_kw
        Power that the mechanism schedules for each member's water heater, ``[member, interval]``, above 0: ON; None, or NaN
        in a cell, leaves the heater to its thermostat. Comfort comes first: see `gridpact.energy.Heaters.run`.
    """

    trades: Trades = field(default_factory=Trades.empty)
    transfers: Transfers = field(default_factory=Transfers.empty)
    battery_kw: FloatArray | None = None
    certificate: Certificate = field(default_factory=Certificate)
    curtailed_kw: FloatArray | None = None
    heater_kw: FloatArray | None = None

    def check(self, members: int, intervals: int) -> None:
        """Refuse a pact that names members or intervals that do not exist."""
        for table, parties in (
            (self.trades, np.maximum(self.trades.seller, self.trades.buyer)),
            (self.transfers, np.maximum(self.transfers.payer, self.transfers.payee)),
        ):
            table._refuse(parties >= members, "a member that does not exist", f"positions below {members}")
            table._refuse(table.interval >= intervals, "an interval outside of the horizon", f"below {intervals}")
        for schedule in (self.battery_kw, self.curtailed_kw, self.heater_kw):
            if schedule is not None and schedule.shape != (members, intervals):
                raise InputError(f"a schedule of shape {schedule.shape}", accepted=f"{(members, intervals)}")
        if self.curtailed_kw is not None and not (self.curtailed_kw >= 0).all():
            raise InputError("curtailed PV that is negative or not a number", accepted="powers from 0 up")

    def by_interval(self, intervals: int) -> Iterator["Pact"]:
        """Trades and transfers of one interval after the other, each counted from 0."""
        pieces = zip(_pieces(self.trades, intervals), _pieces(self.transfers, intervals), strict=True)
        return (Pact(trades, transfers) for trades, transfers in pieces)

    @classmethod
    def join(cls, pacts: Sequence["Pact"], starts: Sequence[int]) -> "Pact":
        """Put the pacts of several gates into one horizon; schedules are joined by whoever runs the gates.

        Legs are numbered anew, so that those of different pacts stay apart.

        Parameters
        ----------
        pacts
            One a gate.
        starts
            Position of each gate's first interval in the common horizon.
        """
        return cls(
            trades=_keep_legs_apart(_join(Trades, [pact.trades for pact in pacts], starts), [p.trades for p in pacts]),
            transfers=_join(Transfers, [pact.transfers for pact in pacts], starts),
            certificate=Certificate.merge(pact.certificate for pact in pacts),
        )


_Table = TypeVar("_Table", Trades, Transfers)


def _pieces(table: _Table, intervals: int) -> Iterator[_Table]:
    order = np.argsort(table.interval, kind="stable")
    for rows in np.split(order, np.searchsorted(table.interval[order], np.arange(1, intervals))):
        piece = table.where(rows)
        yield replace(piece, interval=np.zeros(len(rows), dtype=np.int64))


def _join(kind: type[_Table], tables: Sequence[_Table], starts: Sequence[int]) -> _Table:
    joined = kind.concat(tables)
    offset = np.repeat(np.asarray(starts, dtype=np.int64), [len(table) for table in tables])
    return replace(joined, interval=joined.interval + offset)


def _keep_legs_apart(joined: Trades, tables: Sequence[Trades]) -> Trades:
    """Number the legs of each table after those of the tables before it."""
    used = [int(table.leg.max(initial=-1)) + 1 for table in tables]
    before = np.repeat(np.cumsum([0, *used], dtype=np.int64)[:-1], [len(table) for table in tables])
    return replace(joined, leg=np.where(joined.leg < 0, -1, joined.leg + before)) if any(used) else joined
