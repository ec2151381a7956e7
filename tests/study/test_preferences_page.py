"""The picture of the preferences page shows the numbers that its example prints, which a test of the docs runs."""

import re
from pathlib import Path


def test_the_picture_shows_what_the_page_prints(root: Path) -> None:
    page = (root / "docs" / "mechanisms" / "preferences.md").read_text("utf-8")
    premiums, partners = re.findall(
        r"^(\[\[.*?\]\]|auction:uniform\n\[\[.*?)$\n\n```", page, flags=re.MULTILINE | re.DOTALL
    )
    printed = [f"{float(value):+.1f}" for value in re.findall(r"-?\d+\.\d*", premiums)]
    printed += [f"{float(value):.1f}" for value in re.findall(r"\d+\.\d*", partners)]
    picture = (root / "docs" / "images" / "preferences.svg").read_text("utf-8")
    shown = re.findall(r">([+\N{MINUS SIGN}]?\d+\.\d)<", picture)
    assert len(shown) == 9 + 4 * 9
    assert [value.replace("\N{MINUS SIGN}", "-") for value in shown] == printed, (
        "run: python tools/preferences_picture.py"
    )
