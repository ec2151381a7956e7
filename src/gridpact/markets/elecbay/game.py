"""The bidding game of one interval: payoffs, potential, equilibria, best responses.

Zhang, Peer-to-peer energy trading in electrical distribution networks, PhD thesis, Cardiff 2017; Zhang, Wu, Zhou, Cheng, Long,
Applied Energy 2018 (Elecbay).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridpact.errors import InputError
from gridpact.units import BoolArray, FloatArray, IntArray

MOST_FREE = 20
"""Peers that can choose in a game whose profiles are enumerated."""
FLOOR_KWH = 0.01
"""An exchange with the grid below it counts as so much."""


@dataclass(frozen=True, eq=False)
class HeaterGame:
    """Peers that may run their heaters in one interval, ON or OFF.

    The payoff of a peer is ``u_i = (L + E_i) C_i / max(|E_mg|, floor)`` with its injection ``E_i``, the microgrid's exchange
    with the grid ``E_mg = Σ E_i``, and its comfort ``C_i``: 1 where its action is available, else 0. In logarithms the second
    factor is common to all and the first depends on the own action alone, so ``Φ = Σ ln(L + E_i) − ln max(|E_mg|, floor)`` is
    an exact potential: whoever gains by a change raises Φ by as much.

    Attributes
    ----------
    idle_kwh
        Injection of each peer with its heater OFF, ``[peer]``, + = injection.
    block_kwh
        What its heater draws when ON, ``[peer]``; 0 without a heater.
    can
        1: only ON is available, 0: both, −1: only OFF; ``[peer]``.
    level_kwh
        L, above every draw, so that every payoff is positive.
    floor_kwh
        Below it the exchange with the grid counts as so much: a balanced microgrid would have infinite payoffs.

    Raises
    ------
    InputError
        If L is not above every draw, or the floor not above 0.

    Examples
    --------
    Two peers and 1 kWh of surplus that one heater takes up: one of them is ON, and it does not matter which.

    >>> game = HeaterGame(np.array([0.5, 0.5]), np.array([1.0, 1.0]), np.array([0, 0]), level_kwh=10.0)
    >>> [profile.tolist() for profile in game.equilibria()]
    [[True, False], [False, True]]
    >>> game.best_responses([1, 0]).on.tolist()
    [False, True]
    """

    idle_kwh: FloatArray
    block_kwh: FloatArray
    can: IntArray
    level_kwh: float
    floor_kwh: float = FLOOR_KWH

    def __post_init__(self) -> None:
        check_level(self.level_kwh, float((self.block_kwh - self.idle_kwh).max(initial=0.0)), "level_kwh", "kWh")
        check_floor(self.floor_kwh, "floor_kwh")

    @property
    def free(self) -> IntArray:
        """Peers that can choose, in order."""
        return np.flatnonzero((self.can == 0) & (self.block_kwh > 0))

    def injection(self, on: BoolArray) -> FloatArray:
        """E_i of a profile, kWh ``[peer]``."""
        return np.asarray(self.idle_kwh - on * self.block_kwh)

    def payoffs(self, on: BoolArray) -> FloatArray:
        """u_i of a profile, ``[peer]``; 0 for a peer whose action is not available."""
        own = self.injection(on)
        comfort = np.where(self.can == 0, True, on == (self.can > 0))
        return np.asarray((self.level_kwh + own) * comfort / max(abs(float(own.sum())), self.floor_kwh))

    def potential(self, on: BoolArray) -> float:
        """Φ of a profile of available actions."""
        from gridpact.markets.elecbay import _kernels

        return float(_kernels.potential(self.idle_kwh, self.block_kwh, on, self.level_kwh, self.floor_kwh))

    def regret(self, on: BoolArray) -> float:
        """The most that a peer gains by changing alone, relative to its payoff."""
        from gridpact.markets.elecbay import _kernels

        return float(_kernels.regret(self.idle_kwh, self.block_kwh, self.can, self.level_kwh, self.floor_kwh, on))

    def best_responses(self, order: Sequence[int] | IntArray, start: BoolArray | None = None) -> "BestResponses":
        """Peers in turns take their better action until nobody gains; a tie keeps the action.

        Parameters
        ----------
        order
            In which the peers come, again from the first after the last.
        start
            Actions at the start, available ones; None: OFF wherever that is available.
        """
        from gridpact.markets.elecbay import _kernels

        first = self.can > 0 if start is None else start
        on = first.copy()
        movers = np.zeros(100 * len(on), dtype=np.int64)
        moves = _kernels.respond(
            self.idle_kwh,
            self.block_kwh,
            self.can,
            np.asarray(order, dtype=np.int64),
            self.level_kwh,
            self.floor_kwh,
            on,
            movers,
        )
        return BestResponses(on, movers[:moves], self._potentials(first, movers[:moves]))

    def equilibria(self) -> BoolArray:
        """All pure equilibria, ``[equilibrium, peer]``, by looking at every profile.

        Raises
        ------
        InputError
            If more than `MOST_FREE` peers can choose.
        """
        profiles, _ = self._enumerated()
        return profiles

    def price_of_anarchy(self) -> float:
        """The largest sum of payoffs of all profiles over the least of all equilibria, from 1 up.

        The sum of payoffs is ``(n L + E_mg) / |E_mg|``: what is best for all together is the least exchange with the grid.
        """
        profiles, best = self._enumerated()
        return float(self.payoffs(best).sum() / min(self.payoffs(profile).sum() for profile in profiles))

    def joint_optimum(self) -> BoolArray:
        """The profile with the largest sum of payoffs, ``[peer]``; of several the first, OFF before ON."""
        return self._enumerated()[1]

    def _enumerated(self) -> tuple[BoolArray, BoolArray]:
        from gridpact.markets.elecbay import _kernels

        free = self.free
        check_free(len(free))
        masks, best = np.zeros(1 << len(free), dtype=np.int64), np.zeros(len(self.can), dtype=np.bool_)
        count, *_ = _kernels.enumerate_profiles(
            self.idle_kwh, self.block_kwh, self.can, self.level_kwh, self.floor_kwh, masks, best
        )
        profiles = np.repeat((self.can > 0)[None], count, axis=0)
        profiles[:, free] = masks[:count, None] >> np.arange(len(free)) & 1
        return profiles, best

    def _potentials(self, start: BoolArray, movers: IntArray) -> FloatArray:
        on, values = start.copy(), [self.potential(start)]
        for mover in movers:
            on[mover] ^= True
            values.append(self.potential(on))
        return np.array(values)


@dataclass(frozen=True, eq=False)
class BestResponses:
    """Where best responses ended and how.

    Attributes
    ----------
    on
        The equilibrium, ``[peer]``.
    movers
        Who moved, ``[move]``.
    potential
        Φ at the start and after each move, ``[move + 1]``; it rises.
    """

    on: BoolArray
    movers: IntArray
    potential: FloatArray


def check_level(level: float, largest_draw: float, name: str, unit: str) -> None:
    """Refuse a level that is not above every draw."""
    if not largest_draw < level < np.inf:
        raise InputError(
            f"{name} = {level:g} {unit} is not above the largest draw of a peer, {largest_draw:g} {unit}",
            place="elecbay",
            accepted="a finite number above every draw",
        )


def check_floor(floor: float, name: str) -> None:
    """Refuse a floor that is not a positive number."""
    if not 0 < floor < np.inf:
        raise InputError(f"{name} = {floor!r} is out of range", place="elecbay", accepted="a finite number above 0")


def check_free(peers: int) -> None:
    """Refuse to enumerate what is too large."""
    if peers > MOST_FREE:
        raise InputError(
            f"{peers} peers can choose: too many profiles to look at each",
            place="elecbay",
            accepted=f"at most {MOST_FREE}; best responses take any number",
        )
