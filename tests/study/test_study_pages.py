"""The page of a study as text and files: complete, safe, the same numbers everywhere."""

import csv
import json
import re
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gridpact.study.pages import Axis, Bars, Column, Curve, Figure, Group, HeatMap, Plane, Region, Table, write_page
from gridpact.study.pages.render import keys, render, summarise
from study.pages_gallery import charts, make_page

EVIL = "</script><script>alert(1)</script><b>&\u2028"


class Text(HTMLParser):
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
        (self.scripts if self.inside == "script" else self.words).append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def text() -> Text:
    return Text(render(make_page()))


def read(table: Table) -> list[list[str]]:
    return list(csv.reader(StringIO(table.to_csv())))


def test_a_page_is_written_with_a_file_for_every_table_and_a_summary(tmp_path: Path) -> None:
    page = make_page()
    written = write_page(page, tmp_path / "deep" / "er", {"seed": 3})
    names = {"plain", *charts()}
    assert {path.name for path in written} == {"report.html", "summary.json", *(f"{name}.csv" for name in names)}
    assert all(path.is_file() for path in written)
    summary = json.loads((tmp_path / "deep" / "er" / "summary.json").read_text())
    assert (summary["study"], summary["settings"], summary["command"]) == ("gallery", {"seed": 3}, "gridpact home")
    assert summary["findings"][0] == {
        "name": "first",
        "verdict": "holds",
        "text": "It holds for home.",
        "numbers": {"value": 1.5},
    }
    assert summary["findings"][1]["numbers"] == {"value": None}
    assert set(summary["tables"]) == names


def test_every_chart_has_its_key_its_caption_and_its_numbers_as_a_table(text: Text) -> None:
    known = {attributes["id"] for _, attributes in text.elements if "id" in attributes}
    images = [div for div in text.of("div") if div.get("role") == "img"]
    assert len(images) == len(charts())
    for image in images:
        assert {image["aria-labelledby"], image["aria-describedby"]} <= known
    assert len(text.of("table")) == len(charts()) + 1
    assert len(text.of("details")) == len(charts())
    assert [key.name for key in keys(charts()["lines"])] == ["home line", "home dashed"]
    assert " ".join(text.words).count("Seen: home.") == " ".join(text.words).count("Ran: home.") == len(charts())


def test_what_is_drawn_is_strict_json_with_colours_and_six_digits(text: Text) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} in JSON")

    drawn = json.loads(text.scripts[0], parse_constant=refuse)
    assert set(drawn) == set(charts())
    assert drawn["lines"]["curves"][0]["colour"] == "var(--run-0)"
    assert drawn["lines"]["curves"][1]["colour"] == "var(--ink)"
    assert drawn["polygon"]["curves"][0]["symbol"] == "ring"
    cells = charts()["cells"]
    assert isinstance(cells, HeatMap)
    assert np.allclose(drawn["cells"]["values"], cells.values, rtol=1e-5)


def test_numbers_that_are_not_finite_are_gaps_in_charts_and_empty_in_files() -> None:
    gap = Plane(Axis("x"), Axis("y"), (Curve("c", np.array([1.0, 2.0]), np.array([np.nan, 1e-300])),))
    drawn = Text(render(make_page(blocks=(Figure("gap", "Gap", "What.", gap, "Seen.", "Ran."),))))
    assert json.loads(drawn.scripts[0])["gap"]["curves"][0]["y"] == [None, 1e-300]
    assert read(gap.table("t", "T")) == [["x", "c"], ["1.0", ""], ["2.0", "1e-300"]]


def test_names_cannot_break_out_of_the_page() -> None:
    evil = Text(render(make_page(name=EVIL, title=EVIL)))
    assert len(evil.of("script")) == 3
    assert "alert(1)" not in "".join(evil.scripts[1:])
    assert EVIL in json.loads(evil.scripts[0])["cells"]["columns"][0]
    assert not re.search("[<>&\u2028\u2029]", evil.scripts[0])
    assert "<script>alert(1)</script>" in "".join(evil.words)


def test_nothing_in_the_page_points_outside(text: Text) -> None:
    links = [value for _, attributes in text.elements for name, value in attributes.items() if name in {"src", "href"}]
    assert all(link and link.startswith(("#", "data:")) for link in links)


def test_headings_descend_without_a_gap_and_ids_are_unique(text: Text) -> None:
    levels = [int(tag[1]) for tag, _ in text.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in text.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_findings_that_follow_each_other_stand_in_one_list_with_their_verdicts(text: Text) -> None:
    assert len([ul for ul in text.of("ul") if ul.get("class") == "findings"]) == 1
    assert [li["class"] for li in text.of("li")] == ["holds", "fails", "reported", "undecided"]
    told = [span for span in text.of("span") if span.get("class", "").startswith("verdict")]
    assert [span["class"] for span in told][-1] == "verdict undecided"


def test_the_same_page_gives_the_same_file() -> None:
    assert render(make_page()) == render(make_page())


def test_a_name_that_occurs_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice: plain"):
        make_page(blocks=(Table("plain", "Again", (Column("a", [1]),)),))


def test_curves_with_the_same_x_become_columns_and_others_rows() -> None:
    x = np.array([1.0, 2.0])
    shared = Plane(Axis("size"), Axis("EUR"), (Curve("a", x, x + 0.5, x, x + 1), Curve("b", x, x * 2)))
    assert read(shared.table("t", "T")) == [
        ["size", "a", "a, low", "a, high", "b"],
        ["1.0", "1.5", "1.0", "2.0", "2.0"],
        ["2.0", "2.5", "2.0", "3.0", "4.0"],
    ]
    corner = Region("core", x, x)
    apart = Plane(Axis("size"), Axis("EUR"), (Curve("a", x[:1], x[:1]), Curve("b", x, x * 2)), (corner,))
    assert read(apart.table("t", "T")) == [
        ["what", "size", "EUR"],
        ["core", "1.0", "1.0"],
        ["core", "2.0", "2.0"],
        ["a", "1.0", "1.0"],
        ["b", "1.0", "2.0"],
        ["b", "2.0", "4.0"],
    ]


def test_a_table_of_a_network_has_a_row_a_link_and_a_row_for_who_has_none() -> None:
    rows = read(charts()["net"].table("t", "T"))
    assert rows[0] == ["from", "group", "to", "kWh"]
    assert rows[1] == ["home 0", "sellers", "home 1", "2.0"]
    assert {row[0] for row in rows[3:]} == {"home 2", "home 3", "home 5"}


@pytest.mark.parametrize(
    "build",
    [
        lambda: Curve("c", np.zeros(2), np.zeros(3)),
        lambda: Curve("c", np.zeros(2), np.zeros(2), np.zeros(1)),
        lambda: Bars(("a",), "day", Axis("EUR"), (Group("g", np.zeros(2)),)),
        lambda: HeatMap(("a",), ("b",), ("x", "y"), np.zeros((2, 1)), "EUR"),
        lambda: Table("t", "T", (Column("a", [1]), Column("b", [1, 2]))),
    ],
)
def test_columns_of_different_lengths_are_refused(build) -> None:
    with pytest.raises(ValueError, match=r"different lengths|of shape"):
        build()


def test_a_summary_names_the_version_and_the_facts() -> None:
    summary = summarise(make_page(), {})
    assert summary.facts == {"Term": "home"}
    assert summary.schema_version == 1
