"""The Elecbay study: ten water heaters bid in a low-voltage microgrid, beside the published directions."""

from gridpact.study.elecbay.page import cases, page
from gridpact.study.elecbay.peers import Case, Peers, choose_peers
from gridpact.study.elecbay.study import FULL, PUBLISHED, QUICK, Sizes, Study, run_study

__all__ = [
    "FULL",
    "PUBLISHED",
    "QUICK",
    "Case",
    "Peers",
    "Sizes",
    "Study",
    "cases",
    "choose_peers",
    "page",
    "run_study",
]
