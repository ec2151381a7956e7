"""How fast power flows: batches of the built-in village, a whole year of it, and one phase by phase."""

from collections.abc import Callable

import numpy as np

from benchmarks.registry import benchmark
from gridpact.grid import Feeder, Flow, LinearModel, PowerFlow, Violations, find_violations, linear_model, load_feeder
from gridpact.units import FloatArray

VILLAGE = "simbench-rural2"


def random_net(feeder: Feeder, scenarios: int, phases: int = 0) -> tuple[FloatArray, FloatArray]:
    """Net demand of a village between noon and evening: 0.5 to 3 kW at each load bus, a fifth of them generating."""
    rng = np.random.default_rng(0)
    shape = (scenarios, len(feeder.bus_names), *((phases,) if phases else ()))
    p_kw = np.zeros(shape)
    p_kw[:, feeder.load_buses] = rng.uniform(0.5, 3.0, p_kw[:, feeder.load_buses].shape) / max(1, phases)
    p_kw[:, feeder.load_buses[::5]] *= -3
    return p_kw, 0.3 * np.abs(p_kw)


@benchmark("grid", sizes=(10_000, 35_136), unit="s", bars={10_000: 1.5, 35_136: 5.0})
def power_flow_batch(size: int) -> Callable[[], Flow]:
    """Symmetric flows of the 97-bus village, one thread; 35,136 is a year of quarter hours."""
    feeder = load_feeder(VILLAGE)
    p_kw, q_kvar = random_net(feeder, size)
    return lambda: PowerFlow(feeder).run(p_kw, q_kvar)


@benchmark("grid", sizes=(672, 10_000), unit="s", bars={10_000: 6.0})
def power_flow_per_phase_batch(size: int) -> Callable[[], Flow]:
    """Per-phase flows of the 97-bus village, one thread; 672 is a week of quarter hours."""
    feeder = load_feeder(VILLAGE)
    p_kw, q_kvar = random_net(feeder, size, phases=3)
    return lambda: PowerFlow(feeder).run_per_phase(p_kw, q_kvar)


@benchmark("grid", sizes=(35_136,), unit="s", bars={35_136: 0.5})
def violations_of_a_year(size: int) -> Callable[[], Violations]:
    """Find every violation in a year of flows."""
    feeder = load_feeder(VILLAGE, v_max_pu=1.05)
    flow = PowerFlow(feeder).run(*random_net(feeder, size))
    return lambda: find_violations(feeder, flow)


@benchmark("grid", sizes=(1,), unit="s", bars={1: 0.05})
def linear_model_of_the_village(size: int) -> Callable[[], LinearModel]:
    """Build the linear model of the 97-bus village."""
    feeder = load_feeder(VILLAGE)
    return lambda: linear_model(feeder)
