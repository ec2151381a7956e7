"""The sweep over export prices: every case measured, and where staying begins to pay."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gridpact.community import Community
from gridpact.errors import InputError
from gridpact.study.net_metering.break_even import BreakEven, break_even
from gridpact.study.net_metering.cases import Case, Fee, Netting, Terms, coalition_values, fee_of, tabled
from gridpact.study.net_metering.measures import Measures, measure
from gridpact.study.net_metering.sample import Sample
from gridpact.study.tasks import Progress, Task, run_tasks
from gridpact.units import FloatArray, from_micro

RETAIL = 1.0
"""The ratio of export to import price under retail net metering."""
QUICK_RATIOS = (0.0, 0.5, RETAIL)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the study is asked for.

    Attributes
    ----------
    terms
        Fees and charges.
    ratios, stored_ratios
        Export price over import price in the sweep, without and with storage; the community's own ratio and 1 are added.
    """

    terms: Terms
    ratios: tuple[float, ...] = tuple(np.linspace(0.0, 1.0, 11).round(3).tolist())
    stored_ratios: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)

    def __post_init__(self) -> None:
        for name in Terms.__slots__:
            value = getattr(self.terms, name)
            if not 0 <= value < np.inf:
                raise InputError(f"{name.replace('_', ' ')} of {value:g}", accepted="a finite number from 0 up")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line of the sweep: all but the price ratio."""

    netting: Netting = Netting.INTERVAL
    storage: bool = False
    demand: bool = False
    fee: Fee = Fee.NONE

    def at(self, ratio: float) -> Case:
        """The case behind it at one ratio."""
        return Case(self.netting, self.storage, self.demand, ratio, network=self.fee is Fee.FULL)


@dataclass(frozen=True, eq=False)
class Sweep:
    """Everything that was computed.

    Attributes
    ----------
    sample
        The members.
    settings
        What was asked for.
    ratio
        The community's own export price over import price, means over the horizon.
    import_price
        Mean over the horizon, currency/kWh.
    measures
        Of every scenario at every ratio of its sweep.
    break_even
        Without storage, one for each netting period and kind of fee.
    pairs_kwh
        What two members match between them over the horizon, interval netting, ``[member, member]``.
    """

    sample: Sample
    settings: Settings
    ratio: float
    import_price: float
    measures: Mapping[tuple[Scenario, float], Measures]
    break_even: tuple[BreakEven, ...]
    pairs_kwh: FloatArray

    def line(self, scenario: Scenario) -> tuple[FloatArray, list[Measures]]:
        """The ratios of a scenario, increasing, and what was measured there."""
        ratios = sorted(ratio for known, ratio in self.measures if known == scenario)
        return np.array(ratios), [self.measures[scenario, ratio] for ratio in ratios]

    def own(self, scenario: Scenario) -> Measures:
        """At the community's own prices."""
        return self.measures[scenario, self.ratio]

    def retail(self, scenario: Scenario) -> Measures:
        """Where a kWh fed in earns what a kWh drawn costs."""
        return self.measures[scenario, RETAIL]


def scenarios(*, storage: bool) -> Iterator[Scenario]:
    """What is swept: three netting periods, or interval netting with a demand charge, each with every fee.

    The network charge falls on energy that members share; it is swept with interval netting and without storage.
    """
    for netting, demand in (*((netting, False) for netting in Netting), (Netting.INTERVAL, True)):
        for fee in (Fee.NONE, Fee.LUMP, Fee.MEMBER):
            yield Scenario(netting, storage, demand, fee)
    if not storage:
        yield Scenario(fee=Fee.FULL)


def sweep(sample: Sample, settings: Settings, *, jobs: int = 1, progress: Progress | None = None) -> Sweep:
    """Measure every scenario at every ratio.

    Parameters
    ----------
    sample
        The members.
    settings
        Terms and ratios.
    jobs
        Processes.
    progress
        Told of each case.

    Raises
    ------
    InputError
        If import prices leave no export prices to sweep.
    """
    community = sample.community
    prices = from_micro(community.tariff.import_price)
    import_price = float(prices.mean())
    if prices.min() < 0 or import_price == 0:
        raise InputError(
            f"import prices from {prices.min():g} to {prices.max():g}",
            place=f"tariff of {community.name!r}",
            accepted="from 0 up, and not all 0: export prices are swept from 0 to the import price",
        )
    ratio = round(float(from_micro(community.tariff.export_price).mean()) / import_price, 4)
    tasks, asked = [], []
    for storage in sorted({bool(sample.with_battery.any()), False}, reverse=True):  # the long tasks first
        swept = settings.stored_ratios if storage else settings.ratios
        by_case: dict[Case, list[Scenario]] = {}
        for scenario in scenarios(storage=storage):
            for at in sorted({*swept, ratio, RETAIL}):
                by_case.setdefault(scenario.at(at), []).append(scenario)
        asked += list(by_case.items())
    for case, of_case in asked:
        fees = tuple(scenario.fee for scenario in of_case)
        tasks.append(Task(_name(case), _measure, (community, settings.terms, case, fees)))
    found = run_tasks(tasks, jobs=jobs, progress=progress)
    measures = {
        (scenario, case.ratio): outcome
        for (case, of_case), outcomes in zip(asked, found, strict=True)
        for scenario, outcome in zip(of_case, outcomes, strict=True)
    }
    return Sweep(
        sample, settings, ratio, import_price, measures, break_even(community, settings.terms), _pairs(sample.net_kwh)
    )


def _measure(community: Community, terms: Terms, case: Case, fees: Sequence[Fee]) -> list[Measures]:
    game = tabled(coalition_values(community, terms, case))
    return [measure(game.less(fee_of(fee, community, terms))) for fee in fees]


def _name(case: Case) -> str:
    return f"{case.netting} netting{', storage' * case.storage}, ratio {case.ratio:g}"


def _pairs(net_kwh: FloatArray) -> FloatArray:
    deficit, surplus = np.maximum(net_kwh, 0.0), np.maximum(-net_kwh, 0.0)
    both, given = deficit[:, None] + deficit, surplus[:, None] + surplus
    return np.asarray(np.minimum(both, given).sum(axis=2) * ~np.eye(len(net_kwh), dtype=np.bool_))
