"""Orders, trades and accounts as tables of the ledger, and back."""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gridpact.community import TradeCharges
from gridpact.exchange.proof.words import CheckClaim, OrdersTable, Totals, TradesTable, TransfersTable
from gridpact.exchange.settlement import Settlement
from gridpact.ledger import encode_rows
from gridpact.markets import Book, Certificate, Pact, Trades, Transfers
from gridpact.units import IntArray

SEED_BYTES = 8


def orders_columns(book: Book) -> dict[str, list[Any]]:
    """The orders of a gate, one row a member; who has none has no row."""
    order = np.argsort(book.member, kind="stable")
    member, first = np.unique(book.member[order], return_index=True)
    columns: dict[str, list[Any]] = {"member": member.tolist()}
    for name, values in (
        ("interval", book.interval),
        ("is_buy", book.is_buy),
        ("energy_wh", book.energy_wh),
        ("price", book.limit),
    ):
        columns[name] = [part.tolist() for part in np.split(values[order], first[1:])] if len(member) else []
    return columns


def book_of(orders: OrdersTable, charges: TradeCharges) -> Book:
    """The book that these orders are, with the charges of their members."""
    counts = [len(each) for each in orders.interval]
    member = np.repeat(np.array(orders.member, dtype=np.int64), counts)
    is_buy, interval, energy_wh, limit = (
        np.array([item for row in column for item in row], dtype=np.int64)
        for column in (orders.is_buy, orders.interval, orders.energy_wh, orders.price)
    )
    charge = np.where(is_buy == 1, charges.buy[member], charges.sell[member])
    return Book(interval, is_buy, member, energy_wh, limit, charge)


def order_seed(columns: Mapping[str, list[Any]]) -> str:
    """The seed of ties: the first 64 bits of SHA-256 over the orders as their members signed them, in the order of members.

    Neither signatures, nor salts, nor the name of the log enter: whoever makes those could try until the ties suit.

    Examples
    --------
    >>> order_seed({"member": [0], "energy_wh": [[5]]}) == order_seed({"energy_wh": [[5]], "member": [0], "signature": ["x"]})
    True
    """
    signed = {name: column for name, column in columns.items() if name != "signature"}
    digest = hashlib.sha256(b"gridpact/v1/seed\n" + b"\n".join(encode_rows(signed)))
    return digest.digest()[:SEED_BYTES].hex()


def pact_columns(pact: Pact) -> dict[str, dict[str, list[Any]]]:
    """Trades and transfers as tables."""
    tables = {"trades": pact.trades, "transfers": pact.transfers}
    return {name: {key: column.tolist() for key, column in table.columns().items()} for name, table in tables.items()}


def pact_of(trades: TradesTable | None, transfers: TransfersTable | None) -> Pact:
    """What the tables say was agreed; raises `InputError` if it cannot be."""
    return Pact(
        Trades.empty() if trades is None else Trades(*(getattr(trades, name) for name in trades.__struct_fields__)),
        Transfers.empty()
        if transfers is None
        else Transfers(*(getattr(transfers, name) for name in transfers.__struct_fields__)),
    )


def totals_of(trades: Trades, intervals: int) -> Totals:
    """What everybody may know of trades."""
    energy, paid = (np.zeros(intervals, dtype=np.int64) for _ in range(2))
    low = np.full(intervals, np.iinfo(np.int64).max)
    high = np.full(intervals, np.iinfo(np.int64).min)
    np.add.at(energy, trades.interval, trades.energy_wh)
    np.add.at(paid, trades.interval, trades.payments())
    np.minimum.at(low, trades.interval, trades.price)
    np.maximum.at(high, trades.interval, trades.price)
    return Totals(energy.tolist(), paid.tolist(), *(_where_traded(each, energy) for each in (low, high)))


def claims_of(certificate: Certificate) -> list[CheckClaim]:
    """A certificate as it is claimed."""
    return [CheckClaim(check.name, _finite(check.value), _finite(check.tolerance)) for check in certificate.checks]


def bills_columns(accounts: Settlement) -> dict[str, list[int]]:
    """The accounts of one interval, one row a member."""
    energies = accounts.energies
    columns = {name: getattr(energies, name) for name in ("metered", "bought", "sold", "short", "unused")}
    columns |= {**accounts.causes(), "total": accounts.bills}
    members = range(len(energies.metered))
    return {"member": list(members), **{name: column[:, 0].tolist() for name, column in columns.items()}}


def _where_traded(prices: IntArray, energy: IntArray) -> list[int | None]:
    return [price if wh else None for price, wh in zip(prices.tolist(), energy.tolist(), strict=True)]


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
