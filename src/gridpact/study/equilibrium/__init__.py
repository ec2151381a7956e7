"""The study of the equilibrium, and any instance that is kept in a file, cleared and reported."""

from gridpact.study.equilibrium.instance_file import ClearedFile, clear_file, findings, of_members
from gridpact.study.equilibrium.page import page, rounds
from gridpact.study.equilibrium.study import FULL, QUICK, Sizes, Study, run_study

__all__ = [
    "FULL",
    "QUICK",
    "ClearedFile",
    "Sizes",
    "Study",
    "clear_file",
    "findings",
    "of_members",
    "page",
    "rounds",
    "run_study",
]
