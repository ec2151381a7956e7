"""What members sign of a round: each its own side of its agreement, in whole numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.negotiation.rounds import Round, loans_as_trades
from gridpact.markets.pact import Trades
from gridpact.units import BoolArray, IntArray

PER_KWH = 1_000_000


@dataclass(frozen=True, eq=False)
class Consents:
    """One row a member; arrays ``[member]``.

    A gain is nobody's business. A loss is: with the rationality floor nobody consents to one.

    Attributes
    ----------
    peer
        With whom it agreed, a position; −1: with nobody, and the rest of its row says nothing.
    gives_wh
        What it gives in the first interval; negative: receives.
    returned
        Interval in which the same energy comes back, counted from the first.
    price
        Micro-units per kWh, both ways.
    loss
        By how much it expects to be worse off than without, millionths of a kWh, rounded up; 0 for who expects to gain.

    Raises
    ------
    InputError
        If the columns do not fit each other, or name what cannot be; the first such member is named.

    Examples
    --------
    Member 2 lends 300 Wh to member 0 for four intervals:

    >>> both = Consents(peer=[2, -1, 0], gives_wh=[-300, 0, 300], returned=[4, 0, 4], price=[200_000, 0, 200_000], loss=[0] * 3)
    >>> trades = both.trades()
    >>> trades.seller, trades.buyer, trades.interval, trades.energy_wh
    (array([2, 0]), array([0, 2]), array([0, 4]), array([300, 300]))
    """

    peer: IntArray
    gives_wh: IntArray
    returned: IntArray
    price: IntArray
    loss: IntArray

    def __post_init__(self) -> None:
        members = np.asarray(self.peer).size
        for column in fields(self):
            given = np.asarray(getattr(self, column.name))
            if given.shape != (members,) or given.dtype.kind not in "iu":
                raise InputError(
                    f"{column.name} of shape {given.shape}, {given.dtype}",
                    place="consents",
                    accepted=f"whole numbers, one for each of {members} members",
                )
            values = given.astype(np.int64)
            values.flags.writeable = False
            object.__setattr__(self, column.name, values)
        own, agreed = np.arange(members), self.peer >= 0
        self._refuse((self.peer < -1) | (self.peer >= members) | (self.peer == own), "peer", "another member, or −1")
        self._refuse(agreed & (self.gives_wh == 0), "gives_wh", "more or less than 0")
        self._refuse(agreed & (self.returned < 1), "returned", "an interval after the first")
        self._refuse(self.loss < 0, "loss", "from 0 up")

    def _refuse(self, wrong: BoolArray, column: str, accepted: str) -> None:
        for member in np.flatnonzero(wrong)[:1]:
            found = f"{column} = {getattr(self, column)[member]}"
            raise InputError(found, place=f"consent of member {member}", accepted=accepted)

    @classmethod
    def of(cls, held: Round, members: int, price: int) -> Self:
        """What the sides of a round consent to, at a price."""
        peer, gives_wh, returned, prices, loss = np.zeros((5, members), dtype=np.int64)
        peer[:] = -1
        for meeting in held.meetings:
            if (agreed := meeting.session.agreement) is None:
                continue
            for side, space in enumerate((meeting.table.first, meeting.table.second)):
                own, contract = meeting.pair[side], agreed ^ side
                peer[own], prices[own] = meeting.pair[1 - side], price
                gives_wh[own], returned[own] = held.grid.quantity_wh[contract], held.grid.offset[contract]
                loss[own] = np.ceil(max(space.no_deal - float(space.utility[contract]), 0.0) * PER_KWH)
        return cls(peer, gives_wh, returned, prices, loss)

    @property
    def mutual(self) -> BoolArray:
        """Whose peer has signed the same loan, seen from the other side, ``[member]``."""
        peer = self.peer
        alike = (peer[peer] == np.arange(len(peer))) & (self.gives_wh[peer] == -self.gives_wh)
        return np.asarray(
            (peer >= 0) & alike & (self.returned[peer] == self.returned) & (self.price[peer] == self.price)
        )

    def trades(self) -> Trades:
        """The loans that both sides have signed, in the order of who gives: two trades each, tied by a leg."""
        giver = np.flatnonzero(self.mutual & (self.gives_wh > 0))
        loans = np.stack([giver, self.peer[giver], self.gives_wh[giver], self.returned[giver]], axis=1)
        return loans_as_trades(loans, self.price[giver])

    def statements(self) -> dict[str, IntArray]:
        """The columns by name, a row a member."""
        return {column.name: getattr(self, column.name)[:, None] for column in fields(self)}

    @classmethod
    def stated(cls, statements: Mapping[str, IntArray]) -> Self:
        """Read from `statements`.

        Raises
        ------
        InputError
            If the columns are others, or do not fit.
        """
        names = [column.name for column in fields(cls)]
        if sorted(statements) != sorted(names):
            raise InputError(f"columns {sorted(statements)}", place="consents", accepted=", ".join(names))
        columns = {name: np.asarray(rows) for name, rows in statements.items()}
        return cls(
            **{name: rows[:, 0] if rows.ndim == 2 and rows.shape[1] == 1 else rows for name, rows in columns.items()}
        )
