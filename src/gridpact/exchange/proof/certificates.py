"""Claims of optimising mechanisms: judged from statements where these are logged, else held to what they state themselves."""

import math
from collections.abc import Sequence

from gridpact.exchange.proof.words import CheckClaim, ClearingBody
from gridpact.ledger import DifferenceError
from gridpact.markets import Certificate

RELATIVE, ABSOLUTE = 1e-9, 1e-6
"""How far a recomputed value may lie from the claimed one: floats are not summed in the same order everywhere."""


def check_claims(where: str, claims: Sequence[CheckClaim]) -> None:
    """Refuse a claim that does not even hold as it is stated.

    Raises
    ------
    DifferenceError
        At the first whose value is beyond its tolerance, or no number.
    """
    for claim in claims:
        if claim.tolerance is not None and (claim.value is None or claim.value > claim.tolerance):
            said, follows = f"{claim.name}: at most {claim.tolerance}", "the mechanism does not keep what it promises"
            raise DifferenceError(where, said, f"{claim.value}", follows)


def judged(where: str, body: ClearingBody, certificate: Certificate) -> int:
    """Hold a recomputed certificate against its tolerances and against what was claimed; how many checks that were.

    Raises
    ------
    DifferenceError
        At the first check that fails, or differs from its claim.
    """
    claimed = {claim.name: claim for claim in body.certificate}
    for check in certificate.checks:
        if check.claimed and not check.passed:
            said, follows = (
                f"{check.name}: at most {check.tolerance}",
                "the agreement is not what the mechanism promises",
            )
            raise DifferenceError(where, said, f"{check.value}", follows)
        claim = claimed.get(check.name)
        if claim is None or not _same(claim.value, check.value):
            said = "nothing" if claim is None else f"{claim.value}"
            follows = "the certificate was not made for this agreement"
            raise DifferenceError(where, f"{check.name}: {said}", f"{check.value}", follows)
    return len(certificate.checks)


def _same(claimed: float | None, found: float) -> bool:
    if claimed is None or not math.isfinite(found):
        return claimed is None and not math.isfinite(found)
    return math.isclose(claimed, found, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
