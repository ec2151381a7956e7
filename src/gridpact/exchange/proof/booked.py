"""What stands for each interval of a log, from its clearing to its bill."""

from dataclasses import replace

import numpy as np

from gridpact.exchange.acceptance import kept_of_legs, scale_legs
from gridpact.markets import Pact, Trades, Transfers
from gridpact.units import IntArray


class Booked:
    """Trades and transfers by interval; legs are numbered so that those of different clearings stay apart.

    Parameters
    ----------
    periods
        Intervals of the log.
    """

    def __init__(self, periods: int) -> None:
        self._pieces: list[list[Pact]] = [[] for _ in range(periods)]
        self._legs = 0

    def book(self, pact: Pact, first: int, intervals: int) -> None:
        """Add what a clearing made, its intervals counted from `first`."""
        tied = pact.trades.leg >= 0
        numbers, places = np.unique(pact.trades.leg[tied], return_inverse=True)
        leg = np.full(len(tied), -1)
        leg[tied] = self._legs + places
        self._legs += len(numbers)
        numbered = replace(pact, trades=replace(pact.trades, leg=leg))
        for at, piece in enumerate(numbered.by_interval(intervals), start=first):
            if len(piece.trades) or len(piece.transfers):
                self._pieces[at].append(piece)

    def at(self, interval: int) -> Pact:
        """Everything of an interval."""
        pieces = self._pieces[interval]
        return Pact(
            Trades.concat([piece.trades for piece in pieces]), Transfers.concat([piece.transfers for piece in pieces])
        )

    def trades(self, first: int, intervals: int) -> Trades:
        """The trades of some intervals, counted from the first of them: what a gate's outlook has as commitments."""
        booked = [(at, piece.trades) for at in range(intervals) for piece in self._pieces[first + at]]
        joined = Trades.concat([trades for _, trades in booked])
        return replace(
            joined, interval=np.array([at for at, trades in booked for _ in range(len(trades))], dtype=np.int64)
        )

    def accept(self, interval: int, pact: Pact) -> None:
        """This is what the DSO lets stand of an interval."""
        self._pieces[interval] = [pact]

    def scale_later(self, interval: int, left_wh: IntArray) -> None:
        """What was taken of a leg in an interval, ``left_wh[trade]`` being left, is taken of its trades that wait, too."""
        kept = kept_of_legs(self.trades(interval, 1), left_wh, self._legs)
        if (kept < 1).any():
            for waiting in self._pieces[interval + 1 :]:
                waiting[:] = [replace(piece, trades=scale_legs(piece.trades, kept)) for piece in waiting]
