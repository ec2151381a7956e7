"""A registry of benchmarks swept over size: declare one with `benchmark`, run them with ``python -m benchmarks``.

A benchmark is a function of the size that prepares its input, untimed, and returns the action to be timed::

    @benchmark("auction", sizes=(10_000, 1_000_000), bars={10_000: 0.005, 1_000_000: 0.5})
    def uniform_with_awards(size: int) -> Callable[[], float | None]:
        book = random_book(size)
        return lambda: clear(book)

The first call of the action warms caches and compiled kernels and is not measured; ``repeat`` further calls are, and the
medians of their wall and CPU times are kept; the CPU time includes child processes that have ended. The value that is held
against the bar is the median wall time, unless the action returns a float: then the median of those floats, in ``unit``.
"""

import gc
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from benchmarks.results import Record

Action: TypeAlias = Callable[[], Any]
Setup: TypeAlias = Callable[[int], Action]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A declared benchmark; see `benchmark` for its parts."""

    group: str
    name: str
    setup: Setup
    sizes: tuple[int, ...]
    unit: str
    bars: Mapping[int, float]
    better: Literal["lower", "higher"]
    repeat: int
    warm_up: bool

    def measure(self, size: int) -> Record:
        """Prepare, warm up, time, and hold against the bar."""
        action = self.setup(size)
        if self.warm_up:
            action()
        calls = [_timed(action) for _ in range(self.repeat)]
        seconds = statistics.median(call.seconds for call in calls)
        returned = [call.returned for call in calls if call.returned is not None]
        if self.unit != "s" and not returned:
            raise ValueError(f"benchmark {self.group}/{self.name}: its action must return a float, in {self.unit}")
        value = statistics.median(returned) if returned else seconds
        bar = self.bars.get(size)
        return Record(
            group=self.group,
            name=self.name,
            size=size,
            seconds=seconds,
            cpu_seconds=statistics.median(call.cpu_seconds for call in calls),
            value=value,
            unit=self.unit,
            bar=bar,
            ok=None if bar is None else (value <= bar if self.better == "lower" else value >= bar),
        )


@dataclass(slots=True)
class Registry:
    """All benchmarks by group and name, in the order of declaration."""

    benchmarks: dict[tuple[str, str], Benchmark] = field(default_factory=dict)

    def add(self, declared: Benchmark) -> None:
        """Take one up; the same group and name twice is a mistake."""
        key = declared.group, declared.name
        if key in self.benchmarks:
            raise ValueError(f"benchmark {declared.group}/{declared.name} is declared twice")
        if stray := set(declared.bars) - set(declared.sizes):
            raise ValueError(f"benchmark {declared.group}/{declared.name}: bars of sizes that are not run: {stray}")
        self.benchmarks[key] = declared

    @property
    def groups(self) -> list[str]:
        """Names of the groups, in order."""
        return list(dict.fromkeys(group for group, _ in self.benchmarks))


REGISTRY = Registry()


def benchmark(
    group: str,
    *,
    sizes: tuple[int, ...] = (1,),
    unit: str = "s",
    bars: Mapping[int, float] | None = None,
    better: Literal["lower", "higher"] = "lower",
    repeat: int = 5,
    warm_up: bool = True,
    registry: Registry = REGISTRY,
) -> Callable[[Setup], Setup]:
    """Declare a benchmark; its name is the function's.

    Parameters
    ----------
    group
        What ``make bench ONLY=…`` selects.
    sizes
        The sizes it is swept over.
    unit
        Unit of the value: ``"s"`` for the time of a call, else that of the float the action returns.
    bars
        Value to reach, by size.
    better
        Whether the value should be below (``"lower"``) or above (``"higher"``) its bar.
    repeat
        Timed calls.
    warm_up
        Whether one call goes ahead that is not measured. Leave it out where the start is what is measured.
    registry
        Where to declare it; tests bring their own.
    """

    def declare(setup: Setup) -> Setup:
        registry.add(
            Benchmark(group, setup.__name__, setup, tuple(sizes), unit, dict(bars or {}), better, repeat, warm_up)
        )
        return setup

    return declare


@dataclass(frozen=True, slots=True)
class _Call:
    seconds: float
    cpu_seconds: float
    returned: float | None


def _timed(action: Action) -> _Call:
    gc.collect()
    cpu, wall = _cpu_seconds(), time.perf_counter()
    returned = action()
    seconds, cpu_seconds = time.perf_counter() - wall, _cpu_seconds() - cpu
    return _Call(seconds, cpu_seconds, float(returned) if isinstance(returned, float) else None)


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
