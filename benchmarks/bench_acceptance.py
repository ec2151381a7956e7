"""How fast the DSO decides: 1,000 orders on a feeder of 100 buses that cannot carry them, by every policy; and envelopes."""

from collections.abc import Callable

import numpy as np

from benchmarks.registry import benchmark
from benchmarks.stressed import stressed_case, stressed_network
from gridpact.exchange.acceptance import Acceptance, Envelopes, Policy, accept, publish_envelopes

BAR = {1_000: 1.0}


def acceptance(orders: int, policy: Policy) -> Callable[[], Acceptance]:
    """200 members, half of them sellers; lines are overloaded with every order, not without any."""
    network = stressed_network(200, 97, seed=1, slack_pu=1.08, rating=0.4)
    case = stressed_case(200, orders, seed=1, traded_kw=2_000.0, surplus_kw=1.0, load_kw=0.5)
    decided = accept(network, case, policy)
    if not decided.reductions or decided.after or decided.own:
        raise ValueError("the benchmark is to decide on a feeder that orders overload, and nothing else")
    return lambda: accept(network, case, policy)


@benchmark("exchange", sizes=(1_000,), bars=BAR)
def acceptance_last_on_first_off(size: int) -> Callable[[], Acceptance]:
    """Orders placed last give way first, one after the other."""
    return acceptance(size, Policy.LAST_ON_FIRST_OFF)


@benchmark("exchange", sizes=(1_000,), bars=BAR)
def acceptance_pro_rata(size: int) -> Callable[[], Acceptance]:
    """Every order that relieves gives the same share."""
    return acceptance(size, Policy.PRO_RATA)


@benchmark("exchange", sizes=(1_000,), bars=BAR)
def acceptance_sensitivity(size: int) -> Callable[[], Acceptance]:
    """Linear programs on sensitivities for the least energy, then AC again."""
    return acceptance(size, Policy.SENSITIVITY)


@benchmark("exchange", sizes=(1_000,), bars=BAR)
def acceptance_merit(size: int) -> Callable[[], Acceptance]:
    """The same for the least welfare lost."""
    return acceptance(size, Policy.MERIT)


@benchmark("exchange", sizes=(96,))
def envelopes_of_a_day(size: int) -> Callable[[], Envelopes]:
    """Proportional envelopes of 200 members on 100 buses, a day of quarter hours."""
    network = stressed_network(200, 97, seed=1, slack_pu=1.05)
    rng = np.random.default_rng(1)
    base_kw = rng.uniform(0.0, 1.0, (200, size))
    export_kw, import_kw = rng.uniform(0.0, 10.0, (2, 200))
    return lambda: publish_envelopes(network, "proportional", base_kw, 0.2 * base_kw, export_kw, import_kw)
