"""The registry of benchmarks: what is measured, what is kept, what is quoted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import PAGES, RESULTS, cases, load_benchmarks
from benchmarks.registry import REGISTRY, Registry, benchmark
from benchmarks.results import Record, bar_text, markdown_table, merge, quote, read, render

RECORD = Record("grid", "power_flow", 96, 0.5, 0.4, 0.5, "s", 1.0, True)


def test_the_warm_up_is_called_and_not_measured() -> None:
    registry, calls = Registry(), []

    @benchmark("g", unit="kWh", repeat=3, registry=registry)
    def counting(size: int) -> Callable[[], float]:
        return lambda: calls.append(size) or float(len(calls))

    record = registry.benchmarks["g", "counting"].measure(1)
    assert len(calls) == 4
    assert record.value == 3.0  # the median of 2, 3, 4
    assert record.unit == "kWh"


def test_without_a_returned_float_the_value_is_the_wall_time() -> None:
    registry = Registry()

    @benchmark("g", registry=registry)
    def sorting(size: int) -> Callable[[], list[int]]:
        return lambda: sorted(range(size))

    record = registry.benchmarks["g", "sorting"].measure(10)
    assert record.value == record.seconds > 0
    assert (record.bar, record.ok) == (None, None)


@pytest.mark.parametrize(
    ("better", "value", "ok"), [("lower", 4.0, True), ("lower", 6.0, False), ("higher", 4.0, False)]
)
def test_a_bar_is_held_in_its_direction(better: str, value: float, ok: bool) -> None:
    registry = Registry()

    @benchmark("g", unit="x", bars={1: 5.0}, better=better, registry=registry)
    def constant(size: int) -> Callable[[], float]:
        return lambda: value

    record = registry.benchmarks["g", "constant"].measure(1)
    assert record.ok is ok
    assert bar_text(record) == ("≤ 5 x" if better == "lower" else "≥ 5 x")


def test_a_unit_of_its_own_needs_a_value_of_its_own() -> None:
    registry = Registry()

    @benchmark("g", unit="MB", registry=registry)
    def silent(size: int) -> Callable[[], None]:
        return lambda: None

    with pytest.raises(ValueError, match="must return a float, in MB"):
        registry.benchmarks["g", "silent"].measure(1)


def test_a_name_is_declared_once_and_a_bar_belongs_to_a_size() -> None:
    registry = Registry()

    def idle(size: int) -> Callable[[], None]:
        return lambda: None

    benchmark("g", registry=registry)(idle)
    with pytest.raises(ValueError, match="declared twice"):
        benchmark("g", registry=registry)(idle)
    with pytest.raises(ValueError, match="not run"):
        benchmark("h", sizes=(1,), bars={2: 1.0}, registry=registry)(idle)


def test_a_run_of_some_groups_replaces_only_their_records() -> None:
    old = [RECORD, replace(RECORD, group="auction"), replace(RECORD, name="gone")]
    merged = merge(old, [replace(RECORD, seconds=9.0)], ["grid"])
    assert [(r.group, r.name, r.seconds) for r in merged] == [
        ("auction", "power_flow", 0.5),
        ("grid", "power_flow", 9.0),
    ]


def test_records_survive_writing_and_reading(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text(render([RECORD, replace(RECORD, bar=None, ok=None)]), "utf-8")
    assert read(file) == [RECORD, replace(RECORD, bar=None, ok=None)]


def test_a_page_quotes_the_groups_it_names() -> None:
    page = "before\n<!-- benchmarks grid -->\nold\n<!-- /benchmarks -->\nafter\n"
    renewed = quote(page, [RECORD, replace(RECORD, group="auction")])
    assert renewed == (
        f"before\n<!-- benchmarks grid -->\n\n{markdown_table([RECORD])}\n\n<!-- /benchmarks -->\nafter\n"
    )
    assert quote(renewed, [RECORD]) == renewed


def test_a_page_may_quote_only_what_is_held_against_a_bar() -> None:
    page = "<!-- benchmarks with bars grid -->\nold\n<!-- /benchmarks -->\n"
    barred, free = replace(RECORD, bar=1.0, ok=True), replace(RECORD, name="free", bar=None, ok=None)
    assert quote(page, [barred, free]) == page.replace("old", f"\n{markdown_table([barred])}\n")


def test_the_kept_results_are_those_of_declared_benchmarks_and_the_pages_quote_them() -> None:
    load_benchmarks()
    records = read(RESULTS)
    assert {(r.group, r.name, r.size) for r in records} <= set(cases(REGISTRY, REGISTRY.groups))
    for page in PAGES:
        text = page.read_text("utf-8")
        assert quote(text, records) == text, f"{page.name} quotes other figures than {RESULTS.name}: run make bench"
