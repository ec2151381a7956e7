"""Single contracts: each member signs at most one, so the best outcome is a matching of largest total value."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gridpact.errors import InputError
from gridpact.markets.assignment import _matching
from gridpact.markets.assignment.payoffs import Payoffs
from gridpact.units import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Matching:
    """An optimal matching and a point of its core.

    Attributes
    ----------
    value
        a: what each pair is worth, ``[B, S]``, not negative; pairs that do not trade are worth 0.
    partner
        Position of each buyer's seller, ``[B]``, −1 without a contract. Pairs worth 0 make no contract.
    payoffs
        Some point of the core, in money. Which one is not defined; `core_payoffs` chooses.
    total
        v(N), the value of all contracts.
    """

    value: FloatArray
    partner: IntArray
    payoffs: Payoffs
    total: float

    @property
    def pairs(self) -> tuple[IntArray, IntArray]:
        """Buyer and seller of every contract, by buyer."""
        buyer = np.flatnonzero(self.partner >= 0)
        return buyer, self.partner[buyer]


def clear_single(value: npt.ArrayLike) -> Matching:
    """Find the contracts of largest total value, one a member at most.

    The core of this game is the set of optimal dual prices of the matching: Shapley and Shubik 1971, *The assignment game I:
    the core*, International Journal of Game Theory 1(1). It is never empty.

    Parameters
    ----------
    value
        What each pair is worth, ``[B, S]``, in any unit of money. Pairs of 0 or less and of −inf do not trade. Integers below
        2^53 are matched exactly.

    Raises
    ------
    InputError
        If the values are not a matrix, or one of them is NaN or +inf.

    Examples
    --------
    Shapley and Shubik's market of three houses:

    >>> matching = clear_single([[5, 8, 2], [7, 9, 6], [2, 3, 0]])
    >>> matching.partner, matching.total
    (array([1, 2, 0]), 16.0)
    """
    given = np.asarray(value, dtype=np.float64)
    if given.ndim != 2:
        raise InputError(f"values of shape {given.shape}", place="assignment", accepted="a matrix [buyer, seller]")
    wrong = np.isnan(given) | (given == np.inf)
    if wrong.any():
        buyer, seller = (int(at) for at in np.argwhere(wrong)[0])
        found, accepted = f"a value of {given[buyer, seller]}", "finite numbers, or -inf for a pair that cannot trade"
        raise InputError(found, place=f"assignment: buyer {buyer}, seller {seller}", accepted=accepted)
    worth = np.maximum(given, 0.0)
    buyers, sellers = worth.shape
    if buyers <= sellers:
        partner, buyer_payoff, seller_payoff = _matching.match(np.ascontiguousarray(worth))
    else:
        buyer_of, seller_payoff, buyer_payoff = _matching.match(np.ascontiguousarray(worth.T))
        partner = np.full(buyers, _matching.FREE)
        partner[buyer_of[buyer_of >= 0]] = np.flatnonzero(buyer_of >= 0)
    contract = np.where(partner >= 0, worth[np.arange(buyers), partner], 0.0) if sellers else np.zeros(buyers)
    return Matching(
        value=worth,
        partner=np.where(contract > 0, partner, _matching.FREE),
        payoffs=Payoffs(buyer_payoff, seller_payoff),
        total=float(contract.sum()),
    )
