"""The study of coalitional games: the core and its points, agreeing without a centre, Shapley values, price and
scarcity."""

from gridpact.study.coalition.page import methods, page
from gridpact.study.coalition.study import FULL, QUICK, Sizes, Study, run_study

__all__ = ["FULL", "QUICK", "Sizes", "Study", "methods", "page", "run_study"]
