"""What a member's offers tell of its weights to somebody who knows, or guesses, the rest.

A member shows its best contracts from best to worst. Expected utility is linear in the weight of the first of two criteria, so
an observer with a model of the member tries weights and sees for which the offers come first.
"""

from collections.abc import Sequence

import numpy as np

from gridpact.errors import InputError
from gridpact.markets.negotiation.spaces import Space
from gridpact.units import FloatArray, IntArray


def misplacement(shown: IntArray, first: Space, second: Space, weights: FloatArray) -> FloatArray:
    """How far down the offers stand in the order that each weight would give, mean share of all contracts ``[weight]``.

    Parameters
    ----------
    shown
        The offers in the member's own terms.
    first, second
        The observer's model of what the member expects by each of its two criteria alone.
    weights
        Weights of the first criterion to try.

    Examples
    --------
    Contract 0 is best by the first criterion and contract 1 by the second:

    >>> spaces = Space(np.array([2.0, 1.0, 0.0]), 0.0), Space(np.array([1.0, 2.0, 0.0]), 0.0)
    >>> misplacement(np.array([0]), *spaces, np.array([0.2, 0.8])).round(3).tolist()
    [0.333, 0.0]
    """
    places = []
    for weight in np.asarray(weights, dtype=np.float64):
        utility = weight * first.utility + (1.0 - weight) * second.utility
        ordered = np.sort(-utility)
        places.append(np.searchsorted(ordered, -utility[shown]).mean() / len(utility))
    return np.array(places)


def infer_weight(observed: Sequence[FloatArray], weights: FloatArray) -> float:
    """The weight under which offers stand nearest to the top, over several sessions.

    Parameters
    ----------
    observed
        `misplacement` of each session.
    weights
        The weights tried.

    Raises
    ------
    InputError
        If nothing was observed.

    Examples
    --------
    >>> infer_weight([np.array([0.3, 0.1]), np.array([0.2, 0.1])], np.array([0.2, 0.8]))
    0.8
    """
    if not len(observed):
        raise InputError("no session", place="inference of weights", accepted="what was shown in one session or more")
    return float(np.asarray(weights)[int(np.sum(observed, axis=0).argmin())])
