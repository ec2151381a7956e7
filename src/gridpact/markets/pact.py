"""What a mechanism returns: trades, transfers, schedules, a certificate. Immutable; an empty pact is a valid one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import Self, TypeVar

import numpy as np

from gridpact.markets.certificate import Certificate
from gridpact.units import FloatArray, IntArray, payment


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


class Columns:
    """Columns of equal length, all of them int64 arrays."""

    def __post_init__(self) -> None:
        lengths = set()
        for column in fields(self):  # type: ignore[arg-type]
            values = np.ascontiguousarray(getattr(self, column.name), dtype=np.int64)
            values.flags.writeable = False
            object.__setattr__(self, column.name, values)
            lengths.add(len(values))
        if len(lengths) != 1:
            raise ValueError(f"columns differ in length: {sorted(lengths)}")

    def columns(self) -> dict[str, IntArray]:
        """The columns by name."""
        return {column.name: getattr(self, column.name) for column in fields(self)}  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(next(iter(self.columns().values())))

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
    """

    seller: IntArray
    buyer: IntArray
    interval: IntArray
    energy_wh: IntArray
    price: IntArray

    def payments(self) -> IntArray:
        """What each buyer pays its seller, micro-units."""
        return payment(self.energy_wh, self.price)

    def position_wh(self, shape: tuple[int, ...]) -> IntArray:
        """Net contracted energy by member and interval, + = bought; ``shape`` is (members, intervals)."""
        position = np.zeros(shape, dtype=np.int64)
        np.add.at(position, (self.buyer, self.interval), self.energy_wh)
        np.subtract.at(position, (self.seller, self.interval), self.energy_wh)
        return position


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
    """

    trades: Trades = field(default_factory=Trades.empty)
    transfers: Transfers = field(default_factory=Transfers.empty)
    battery_kw: FloatArray | None = None
    certificate: Certificate = field(default_factory=Certificate)

    @classmethod
    def join(cls, pacts: Sequence["Pact"], starts: Sequence[int]) -> "Pact":
        """Put the pacts of several gates into one horizon; schedules are joined by whoever runs the gates.

        Parameters
        ----------
        pacts
            One a gate.
        starts
            Position of each gate's first interval in the common horizon.
        """
        return cls(
            trades=_join(Trades, [pact.trades for pact in pacts], starts),
            transfers=_join(Transfers, [pact.transfers for pact in pacts], starts),
            certificate=Certificate.merge(pact.certificate for pact in pacts),
        )


_Table = TypeVar("_Table", Trades, Transfers)


def _join(kind: type[_Table], tables: Sequence[_Table], starts: Sequence[int]) -> _Table:
    joined = kind.concat(tables)
    offset = np.repeat(np.asarray(starts, dtype=np.int64), [len(table) for table in tables])
    return replace(joined, interval=joined.interval + offset)
