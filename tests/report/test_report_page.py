"""The page as text: complete, safe, and free of anything outside of itself."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gridpact.markets import Certificate, Check
from gridpact.study.pages.formats import DASH, SPACE, THIN
from gridpact.study.pages.html import script_data
from gridpact.study.report import LedgerLink, write_report
from gridpact.study.report import _table as table
from gridpact.study.report._page import render
from gridpact.study.report._view import view
from gridpact.study.result import Comparison

EVIL = "</script><script>alert(1)</script><b>&\u2028"
VENDORED = files("gridpact.study.pages") / "vendor"


class Page(HTMLParser):
    """Elements with attributes, the text of each script, and all other text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts.append(data)
        elif self.inside != "style":
            self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page(comparison: Comparison) -> Page:
    return Page(render(comparison))


def with_run(comparison: Comparison, at: int, **changes: object) -> Comparison:
    runs = list(comparison.runs)
    runs[at] = replace(runs[at], **changes)
    return replace(comparison, runs=tuple(runs))


def test_the_file_is_written_where_asked_and_folders_are_made(comparison: Comparison, tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "report.html"
    assert write_report(comparison, target) == target
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_report_without_runs_is_refused(comparison: Comparison, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one run"):
        write_report(replace(comparison, runs=()), tmp_path / "report.html")


def test_the_same_comparison_gives_the_same_file(comparison: Comparison) -> None:
    assert render(comparison) == render(comparison)


def test_nothing_in_the_page_points_outside(page: Page) -> None:
    links = [value for _, attributes in page.elements for name, value in attributes.items() if name in {"src", "href"}]
    assert all(link and link.startswith(("#", "data:")) for link in links)
    policy = next(meta["content"] for meta in page.of("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_the_data_is_strict_json(page: Page) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} in JSON")

    found = json.loads(page.scripts[0], parse_constant=refuse)
    assert found["mechanisms"] == ["supplier", "pool:sdr", "auction:uniform"]
    assert found["members"]["runs"][0]["self_sufficiency"][0] is None


def test_names_cannot_break_out_of_the_page(synthetic: Callable[..., Comparison]) -> None:
    page = Page(render(synthetic(name=EVIL, first_id=EVIL, mechanisms=("supplier", EVIL)), title=EVIL, notes=[EVIL]))
    assert len(page.of("script")) == 3
    assert "alert(1)" not in "".join(page.scripts[1:])
    assert json.loads(page.scripts[0])["mechanisms"][1] == EVIL
    assert "<script>alert(1)</script>" in "".join(page.words)


def test_script_data_has_no_character_that_html_reads(synthetic: Callable[..., Comparison]) -> None:
    text = script_data(view(synthetic(first_id=EVIL), None, ()).figures)
    assert not re.search("[<>&\u2028\u2029]", text)
    assert EVIL in json.loads(text)["members"]["ids"]


def test_the_vendored_library_can_stand_inside_a_script_element() -> None:
    text = VENDORED.joinpath("echarts.min.js").read_text(encoding="utf-8")
    assert not re.search("</script|<!--", text, re.IGNORECASE)


def test_the_vendored_library_carries_version_and_licences() -> None:
    note = json.loads(VENDORED.joinpath("echarts.json").read_text(encoding="utf-8"))
    assert f"ECharts {note['echarts']}" in VENDORED.joinpath("echarts.min.js").read_text(encoding="utf-8")[:200]
    licences = VENDORED.joinpath("echarts.LICENSE.txt").read_text(encoding="utf-8")
    for part in ("Apache License", "BSD 3-Clause", "The Apache Software Foundation", "Microsoft Corporation"):
        assert part in licences


def test_every_mechanism_has_a_row_a_choice_and_a_certificate(page: Page, comparison: Comparison) -> None:
    choices = [field for field in page.of("input") if field["type"] == "radio"]
    assert len([row for row in page.of("tr") if "data-run" in row]) == len(choices) == len(comparison.runs)
    assert sum(field.get("class") == "verdict reported" for field in page.of("span")) == 2
    assert len([None for caption in page.of("caption")]) == len(comparison.runs)


def test_the_mechanism_with_trade_that_saves_most_is_shown_first(comparison: Comparison) -> None:
    shown = view(comparison, None, ()).figures.selected
    savings = [run.community.total_saving for run in comparison.runs]
    assert savings[shown] == max(savings[1:])


def test_charts_are_named_and_described(page: Page) -> None:
    known = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    images = [div for div in page.of("div") if div.get("role") == "img"]
    assert len(images) == 6
    for image in images:
        assert {image["aria-labelledby"], image["aria-describedby"]} <= known


def test_tables_say_what_their_headers_head(page: Page) -> None:
    assert {header.get("scope") for header in page.of("th")} == {"col", "row", "colgroup"}


def test_headings_descend_without_a_gap(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_best_value_of_a_column_is_marked_among_those_that_trade(comparison: Comparison) -> None:
    shown = table.columns("EUR")
    rows = table.rows(comparison, shown)
    bill = next(at for at, column in enumerate(shown) if column.head == "Total bill")
    marked = [row.run for row in rows if row.cells[bill].best]
    lowest = min(comparison.runs[1:], key=lambda run: run.community.total_bill)
    assert marked == [comparison.runs.index(lowest)]


def test_equal_values_are_not_marked(comparison: Comparison) -> None:
    shown = table.columns("EUR")
    sufficiency = next(at for at, column in enumerate(shown) if column.head == "Self-sufficiency")
    assert not any(row.cells[sufficiency].best for row in table.rows(comparison, shown))


def test_what_is_undefined_is_a_dash(comparison: Comparison) -> None:
    shown = table.columns("EUR")
    supplier = table.rows(comparison, shown)[1]
    cells = {column.head: cell.text for column, cell in zip(shown, supplier.cells, strict=True)}
    assert (cells["Mean price"], cells["Equality of savings"], cells["Welfare"]) == (DASH, DASH, DASH)


def test_a_check_is_told_with_value_tolerance_and_verdict(comparison: Comparison) -> None:
    checks = (
        Check("kept", 0.5, 1.0),
        Check("broken", 2.0, 1.0),
        Check("told", 3e-7, np.inf),
        Check("nan", np.nan, 1.0),
    )
    proof = table.proofs(with_run(comparison, 1, certificate=Certificate(checks)))[1]
    assert [(c.value, c.tolerance, c.verdict) for c in proof.checks] == [
        ("0.5", "1", "holds"),
        ("2", "1", "fails"),
        (f"3{SPACE}·{SPACE}10⁻⁷", DASH, "reported"),
        (DASH, "1", "fails"),
    ]
    assert proof.summary == f"2 of 4{SPACE}checks fail"


def test_a_failed_certificate_is_said_in_the_first_paragraph(comparison: Comparison) -> None:
    broken = with_run(comparison, 2, certificate=Certificate((Check("budget", 1.0),)))
    assert "Checks fail in the certificate of auction:uniform" in " ".join(view(broken, None, ()).reading)


def test_the_first_paragraph_says_who_saves_most(comparison: Comparison) -> None:
    reading = " ".join(view(comparison, None, ()).reading)
    best = max(comparison.runs[1:], key=lambda run: run.community.total_saving)
    assert f"They save most under {best.mechanism}, {best.community.total_saving:.2f}{SPACE}EUR" in reading


def test_a_comparison_of_the_supplier_alone_says_that_nobody_trades(synthetic: Callable[..., Comparison]) -> None:
    text = render(synthetic(mechanisms=("supplier",)))
    assert "Nobody trades under the mechanisms compared" in text
    assert "NaN" not in Page(text).scripts[0]


def test_notes_are_shown_with_the_provenance(comparison: Comparison) -> None:
    text = render(comparison, notes=["Forecast: persistence.", "PV & batteries are assigned."])
    assert "<p>PV &amp; batteries are assigned.</p>" in text


def test_the_facts_say_what_it_ran_on(comparison: Comparison) -> None:
    facts = dict(view(comparison, None, ()).facts)
    plain = {term: text.replace(SPACE, " ").replace(THIN, " ") for term, text in facts.items()}
    assert plain["Horizon"] == "2 days: 192 intervals of 15 min"
    assert plain["From"] == "2 Jun 2025, 00:00 (Europe/Berlin)"
    assert plain["Tariff"] == "import 0.2900 to 0.3600, export 0.0800 EUR/kWh"
    assert plain["Members"].startswith("8, 4 with PV (")
    assert plain["Feeder"] == "village, 10 buses, 8 lines, 1 transformer (250 kVA)"


def test_a_week_under_ten_mechanisms_stays_below_a_megabyte_and_a_half(synthetic: Callable[..., Comparison]) -> None:
    names = ("supplier", *(f"auction:{at}" for at in range(9)))
    text = render(synthetic(members=100, buses=130, periods=672, mechanisms=names))
    assert len(text.encode()) < 1_500_000


def test_a_ledger_is_linked_with_the_command_that_verifies_it(comparison: Comparison) -> None:
    link = LedgerLink("ledger.export", "gridpact verify ledger.export --fingerprint abc")
    page = Page(render(comparison, ledger=link))
    assert [anchor["href"] for anchor in page.of("a") if anchor["href"] == link.file] == [link.file]
    assert link.command in render(comparison, ledger=link)
    assert "Ledger" not in render(comparison)
