"""Who negotiates with whom: scores of peers, what is remembered of them, and the ε-greedy choice."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from gridpact.errors import InputError, nearest_name
from gridpact.markets.negotiation.sessions import Appraisal
from gridpact.units import FloatArray, IntArray

TIMES_OF_DAY = 4
CONTEXTS = TIMES_OF_DAY * 4
"""Quarters of a day, and the sign of both net demands."""

PRIOR = 4.0
"""How many sessions the overall experience with a peer weighs, where few have been held in the same context."""


HALF_LIFE = 4.0
"""Rounds after which a session counts half as recent experience: an hour of quarter-hours. What two members need now, and how
full their batteries are, is much as it was an hour ago and little as it was yesterday."""

RECENT_PRIOR = 1.0
"""How many sessions the overall experience with a peer weighs against recent ones."""


@dataclass(frozen=True, eq=False)
class Experience:
    """What members remember of each other: a value that can be saved.

    Attributes
    ----------
    sessions
        How many each has held with each in each context, ``[member, peer, context]``.
    value
        Sum of what they were worth to the member.
    recent_sessions, recent_value
        The same over all contexts, forgotten by half every `HALF_LIFE` rounds, ``[member, peer]``.
    """

    sessions: FloatArray
    value: FloatArray
    recent_sessions: FloatArray
    recent_value: FloatArray

    @classmethod
    def none(cls, members: int) -> "Experience":
        """Nobody has met anybody."""
        empty, recent = np.zeros((members, members, CONTEXTS)), np.zeros((members, members))
        return cls(empty, empty, recent, recent)

    def after(self, pairs: IntArray, contexts: IntArray, values: FloatArray) -> "Experience":
        """The experience after a round: ``pairs[session, 2]``, ``values[session, 2]``, contexts ``[member, peer]``."""
        sessions, value = self.sessions.copy(), self.value.copy()
        kept = 0.5 ** (1 / HALF_LIFE)
        recent_sessions, recent_value = kept * self.recent_sessions, kept * self.recent_value
        for side in (0, 1):
            own, peer = pairs[:, side], pairs[:, 1 - side]
            cell = own, peer, contexts[own, peer]
            np.add.at(sessions, cell, 1.0)
            np.add.at(value, cell, values[:, side])
            recent_sessions[own, peer] += 1.0
            recent_value[own, peer] += values[:, side]
        return Experience(sessions, value, recent_sessions, recent_value)

    def mean(self) -> FloatArray:
        """What a session with each peer was worth, ``[member, peer]``; +inf for peers never met."""
        count = self.sessions.sum(axis=2)
        mean = np.divide(self.value.sum(axis=2), count, out=np.full(count.shape, np.inf), where=count > 0)
        return np.asarray(mean)

    def mean_in(self, contexts: IntArray) -> FloatArray:
        """The same in a context ``[member, peer]``, drawn towards the overall mean of the peer where it was rare."""
        cell = (*np.indices(contexts.shape), contexts)
        return self._towards_mean(self.sessions[cell], self.value[cell], PRIOR)

    def mean_lately(self) -> FloatArray:
        """The same of recent sessions, ``[member, peer]``, drawn towards the overall mean of the peer as they are forgotten."""
        return self._towards_mean(self.recent_sessions, self.recent_value, RECENT_PRIOR)

    def _towards_mean(self, sessions: FloatArray, value: FloatArray, prior: float) -> FloatArray:
        overall = self.mean()
        met = np.isfinite(overall)
        return np.where(met, (value + prior * np.where(met, overall, 0.0)) / (sessions + prior), np.inf)


@dataclass(frozen=True, eq=False)
class Public:
    """What everybody knows when peers are chosen.

    Attributes
    ----------
    demand_kw
        Point forecast of net demand before batteries and loans, ``[member, offset]``.
    day_share
        Time of day of the first offset, in [0, 1).
    """

    demand_kw: FloatArray
    day_share: float

    def contexts(self) -> IntArray:
        """The context of each pair, ``[member, peer]``: time of day, own sign, the peer's sign."""
        needs = (self.demand_kw[:, 0] > 0).astype(np.int64)
        quarter = min(int(self.day_share * TIMES_OF_DAY), TIMES_OF_DAY - 1)
        return np.asarray((quarter * 2 + needs[:, None]) * 2 + needs[None, :])


Rank = Callable[[Experience, Public], FloatArray]
"""How good each peer looks to each member, ``[member, peer]``; higher is better, +inf must be tried."""


@dataclass(frozen=True, slots=True)
class Score:
    """A way of judging peers.

    Attributes
    ----------
    name
        As in options and tables.
    worth
        What a session was worth to each side.
    rank
        How peers look.
    oracle
        Whether it needs the utilities of both: for studies only.
    """

    name: str
    worth: Callable[[Appraisal, bool], tuple[float, float]]
    rank: Rank
    oracle: bool = False


def _nearness(appraisal: Appraisal, agreed: bool) -> tuple[float, float]:
    """Minus the distance to the Nash point; a failed session, or one without joint gain, counts as distance 1."""
    distance = appraisal.distance if agreed and appraisal.has_joint_gain else 1.0
    return -distance, -distance


def _success(appraisal: Appraisal, agreed: bool) -> tuple[float, float]:
    return float(agreed), float(agreed)


def _own_gain(appraisal: Appraisal, agreed: bool) -> tuple[float, float]:
    return appraisal.gains


def _by_peer(experience: Experience, public: Public) -> FloatArray:
    return experience.mean()


def _by_context(experience: Experience, public: Public) -> FloatArray:
    return experience.mean_in(public.contexts())


def _by_recency(experience: Experience, public: Public) -> FloatArray:
    return experience.mean_lately()


def _by_chance(experience: Experience, public: Public) -> FloatArray:
    return np.zeros((len(public.demand_kw),) * 2)


def complementarity(public: Public) -> FloatArray:
    """How well forecasts of net demand fit each other, kW ``[member, peer]``.

    A loan helps both without any battery if one has too much now where the other has too little, and the other way round at its
    return. The score is the smaller of what can be lent now and the most that can come back at one offset later.
    """
    surplus, need = np.maximum(-public.demand_kw, 0.0), np.maximum(public.demand_kw, 0.0)
    now = np.minimum(surplus[:, None, 0], need[None, :, 0])
    later = np.minimum(need[:, None, 2:], surplus[None, :, 2:]).max(axis=2, initial=0.0)
    lend = np.minimum(now, later)
    return np.asarray(np.maximum(lend, lend.T))


def _by_complement(experience: Experience, public: Public) -> FloatArray:
    return complementarity(public)


SCORES: Mapping[str, Score] = MappingProxyType(
    {
        score.name: score
        for score in (
            Score("random", _success, _by_chance),
            Score("nash-distance", _nearness, _by_peer, oracle=True),
            Score("success", _success, _by_peer),
            Score("own-gain", _own_gain, _by_peer),
            Score("context", _success, _by_context),
            Score("recent", _success, _by_recency),
            Score("complement", _success, _by_complement),
        )
    }
)
"""Ways of judging peers by name."""


@dataclass(frozen=True, slots=True)
class PeerChoice:
    """The ε-greedy choice of a peer.

    Members are visited in random order. Whoever is still free takes the free peer that looks best, or with probability ε a free
    peer at random; with an odd number of members one stays idle. Who looks equally good is drawn.

    Attributes
    ----------
    score
        Name of a way of judging: see `SCORES`.
    epsilon
        Share of random choices, in [0, 1].
    """

    score: str = "own-gain"
    epsilon: float = 0.1

    def __post_init__(self) -> None:
        if self.score not in SCORES:
            found = f"score {self.score!r} is unknown{nearest_name(self.score, list(SCORES))}"
            raise InputError(found, place="choice of peer", accepted=", ".join(SCORES))
        if not 0.0 <= self.epsilon <= 1.0:
            raise InputError(f"epsilon = {self.epsilon}", place="choice of peer", accepted="a share from 0 to 1")

    @property
    def how(self) -> Score:
        """The way of judging."""
        return SCORES[self.score]

    def pairs(self, experience: Experience, public: Public, rng: np.random.Generator) -> IntArray:
        """Who negotiates with whom, ``[session, 2]``: the first has chosen and proposes first."""
        rank = self.how.rank(experience, public)
        members = len(rank)
        free = np.ones(members, dtype=np.bool_)
        chosen = []
        for member in rng.permutation(members).tolist():
            if not free[member]:
                continue
            free[member] = False
            peers = np.flatnonzero(free)
            if not len(peers):
                break
            if rng.random() >= self.epsilon:
                looks = rank[member, peers]
                peers = peers[looks == looks.max()]
            peer = int(peers[rng.integers(len(peers))])
            free[peer] = False
            chosen.append((member, peer))
        return np.array(chosen, dtype=np.int64).reshape(-1, 2)
