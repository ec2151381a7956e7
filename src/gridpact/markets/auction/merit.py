"""A book in merit order, and the largest welfare that it holds."""

from dataclasses import dataclass

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.auction import _kernels, _sorting
from gridpact.markets.book import Book
from gridpact.units import WH_PER_KWH, FloatArray, IntArray

_REFUSALS = {
    _sorting.BAD_SIDE: ("a side is neither 0 nor 1", "is_buy 1 for bids, 0 for asks"),
    _sorting.BAD_MEMBER: ("a member is negative", "positions of members, from 0 up"),
    _sorting.TOO_WIDE: ("intervals times prices span more than 2^62", "intervals and prices closer together"),
    _sorting.TOO_LARGE: ("energy times price passes 2^62", "energies in Wh and prices in micro-units per kWh"),
}

_WORD = 2**64 - 1


@dataclass(frozen=True, eq=False)
class MeritOrder:
    """Live orders by interval, asks from the cheapest, then bids from the highest; equal prices by a seeded draw.

    Orders below 1 Wh are left out. A member's own orders do not meet: its best bids are taken out against its own cheapest
    asks, Wh by Wh, while they cross; what is left takes part.

    Attributes
    ----------
    members
        One more than the highest member.
    interval, member, energy_wh, price
        Columns ``[order]``; the price is the one before charges.
    start, middle
        First order and first bid of each interval that has orders, ``[segment + 1]`` and ``[segment]``.
    """

    members: int
    interval: IntArray
    member: IntArray
    energy_wh: IntArray
    price: IntArray
    start: IntArray
    middle: IntArray

    @classmethod
    def of(cls, book: Book, seed: int) -> "MeritOrder":
        """Sort a book.

        The draw that orders equal prices follows from seed, interval, side and member alone: not from the row.

        Raises
        ------
        InputError
            If a side or a member is not one, or the book is beyond 64-bit arithmetic.
        """
        status, members, *columns = _sorting.sort_book(
            book.interval, book.is_buy, book.member, book.energy_wh, book.price, word(seed)
        )
        if status != _sorting.OK:
            found, accepted = _REFUSALS[status]
            raise InputError(found, place="book", accepted=accepted)
        return cls(members, *columns)


def word(seed: int) -> np.uint64:
    """The low 64 bits of a seed of any size."""
    return np.uint64(seed & _WORD)


def efficient_welfare(book: Book, periods: int | None = None) -> FloatArray:
    """Largest welfare of the trades that a book allows: Σ energy · (bid − ask), prices before charges, in micro-units.

    Parameters
    ----------
    book
        Orders of one or many intervals.
    periods
        Length of the result; by default it ends with the last interval of the book.

    Returns
    -------
    Welfare of each interval, ``[interval]``.

    Examples
    --------
    A buyer of 2 kWh at 0.30 meets sellers of 1 kWh each at 0.10 and 0.20: 0.20 + 0.10.

    >>> book = Book(interval=[0] * 3, is_buy=[1, 0, 0], member=[0, 1, 2], energy_wh=[2000, 1000, 1000],
    ...             limit=[300_000, 100_000, 200_000], charge=[0] * 3)
    >>> efficient_welfare(book, periods=2)
    array([300000.,      0.])
    """
    orders = MeritOrder.of(book, 0)
    length = int(book.interval.max(initial=-1)) + 1 if periods is None else periods
    total = np.zeros(length)
    total[orders.interval[orders.start[:-1]]] = (
        _kernels.welfare(orders.start, orders.middle, orders.price, orders.energy_wh) / WH_PER_KWH
    )
    return total
