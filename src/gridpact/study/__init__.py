"""Many runs: simulate, measure, compare, report."""

from gridpact.study.compare import Replication, compare, replicate
from gridpact.study.network_check import NETWORK_CHECKS
from gridpact.study.output import write_replication, write_results
from gridpact.study.report import write_report
from gridpact.study.result import Baseline, CommunityMetrics, Comparison, Delivery, MemberMetrics, Run
from gridpact.study.simulate import Settings, run_baseline, simulate

DEFAULT_MECHANISMS = ["supplier", "pool:mmr", "pool:sdr", "auction:uniform", "auction:mcafee", "auction:continuous"]
"""What `gridpact run` takes when nothing is named."""

__all__ = [
    "DEFAULT_MECHANISMS",
    "NETWORK_CHECKS",
    "Baseline",
    "CommunityMetrics",
    "Comparison",
    "Delivery",
    "MemberMetrics",
    "Replication",
    "Run",
    "Settings",
    "compare",
    "replicate",
    "run_baseline",
    "simulate",
    "write_replication",
    "write_report",
    "write_results",
]
