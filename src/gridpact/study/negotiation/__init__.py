"""The study of negotiated energy loans (Chakraborty, Baarslag, Kaisers, Applied Energy 2020).

What pages and the command line build on:

- `case` gives the members of a case of the paper; `Setting` puts them together with profiles and terms.
- `run_case` walks through all intervals and returns a `CaseRun`: sessions as a table, loans, powers, and the rounds of those
  intervals that one asked to `keep`, with both utilities of every session: `Table.outcomes`, `pareto_front`, `trace` and
  `Appraisal` of `gridpact.markets.negotiation` make the outcome space, its front, the Nash point and the offers out of them.
- `run_study` does so for many seeds and ways of negotiating on `Homes` of a community; `page` shows it.
- `outcomes` appraises the three strategies on the same profiles: ξ per member, welfare, flow at the point of common coupling;
  `nash_welfare` and `success` are the other figures.
- `with_network_price` gives the members a third criterion; `outcomes(run, setting)` judges its run by the other two.
- `infer_weights` says how well offers give the members' weights away.
"""

from gridpact.study.negotiation.cases import INTERVALS, Case, battery, case
from gridpact.study.negotiation.comparisons import Comparison, Relief, against_random, reliefs
from gridpact.study.negotiation.experiments import Result, Shown, Way, experiment, show_session
from gridpact.study.negotiation.homes import Homes, choose_homes
from gridpact.study.negotiation.network import network_price, with_network_price
from gridpact.study.negotiation.page import page, published, ways
from gridpact.study.negotiation.performance import (
    Outcome,
    Strategy,
    Success,
    appraise_run,
    nash_welfare,
    outcomes,
    realised_cost,
    success,
)
from gridpact.study.negotiation.privacy import Inference, Observer, infer_weights
from gridpact.study.negotiation.run import SESSION_COLUMNS, CaseRun, Setting, run_case
from gridpact.study.negotiation.study import FULL, QUICK, Sizes, Study, run_study

__all__ = [
    "FULL",
    "INTERVALS",
    "QUICK",
    "SESSION_COLUMNS",
    "Case",
    "CaseRun",
    "Comparison",
    "Homes",
    "Inference",
    "Observer",
    "Outcome",
    "Relief",
    "Result",
    "Setting",
    "Shown",
    "Sizes",
    "Strategy",
    "Study",
    "Success",
    "Way",
    "against_random",
    "appraise_run",
    "battery",
    "case",
    "choose_homes",
    "experiment",
    "infer_weights",
    "nash_welfare",
    "network_price",
    "outcomes",
    "page",
    "published",
    "realised_cost",
    "reliefs",
    "run_case",
    "run_study",
    "show_session",
    "success",
    "ways",
    "with_network_price",
]
