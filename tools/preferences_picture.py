"""Draw the picture of ``docs/mechanisms/preferences.md`` from its own example: ``python tools/preferences_picture.py``."""

import doctest
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from gridpact.units import FloatArray

DOCS = Path(__file__).parents[1] / "docs"
CELL, HEIGHT, LEFT, TOP, GAP = 56, 34, 78, 58, 18
INK, PAPER, PLUS, MINUS, ENERGY = "#1f2933", "#ffffff", "15, 118, 110", "190, 60, 50", "37, 99, 175"


def run_example(page: Path) -> dict[str, Any]:
    """Names that the example of the page defines."""
    source = "\n".join(re.findall(r"^```pycon\n(.*?)^```$", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL))
    names: dict[str, Any] = {}
    with redirect_stdout(None):
        for example in doctest.DocTestParser().get_examples(source):
            exec(compile(example.source, page.name, "exec"), names)
    return names


def panel(x: int, title: str, sellers: list[str], values: FloatArray, full: float, form: str) -> list[str]:
    """One matrix: shaded by size, red below zero."""
    drawn = [text(x, TOP - 34, title, weight="600")]
    for column, name in enumerate(sellers):
        drawn.append(text(x + CELL * column + CELL // 2, TOP - 10, name, anchor="middle", size=11))
    for row, line in enumerate(values.tolist()):
        for column, value in enumerate(line):
            at = x + CELL * column, TOP + HEIGHT * row
            colour = MINUS if value < 0 else PLUS if form.startswith("+") else ENERGY
            shade = f"rgba({colour}, {0.75 * min(abs(value) / full, 1):.2f})"
            drawn.append(
                f'<rect x="{at[0]}" y="{at[1]}" width="{CELL - 2}" height="{HEIGHT - 2}" rx="3" fill="{shade}"/>'
            )
            label = format(value, form).replace("-", "\N{MINUS SIGN}")
            drawn.append(text(at[0] + CELL // 2 - 1, at[1] + HEIGHT // 2 + 4, label, anchor="middle"))
    return drawn


def text(x: int, y: int, words: str, *, anchor: str = "start", size: int = 12, weight: str = "400") -> str:
    """One line of text."""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}">{words}</text>'


def draw(example: dict[str, Any]) -> str:
    """Premiums first, then who trades with whom under each mechanism."""
    buyers, sellers = example["buyers"], example["sellers"]
    flows = {name: example["partners"](example["chosen"][name]) for name in example["names"]}
    most = max(float(flow.max()) for flow in flows.values())
    cents = example["wishing"].premium[example["np"].ix_(example["rows"], example["columns"])] / 1e4
    step = CELL * len(sellers) + GAP
    width, height = LEFT + step * (1 + len(flows)), TOP + HEIGHT * len(buyers) + 12
    parts = [text(LEFT - 10, TOP + HEIGHT * row + 21, name, anchor="end") for row, name in enumerate(buyers)]
    parts += panel(LEFT, "premium, ct/kWh", sellers, cents, float(abs(cents).max()), "+.1f")
    for at, (name, flow) in enumerate(flows.items(), start=1):
        parts += panel(LEFT + step * at, f"{name}, kWh", sellers, flow, most, ".1f")
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="system-ui, sans-serif" fill="{INK}" role="img">'
        "<title>Premiums of three buyers for three sellers, and who trades with whom under four mechanisms</title>"
    )
    paper = f'<rect width="{width}" height="{height}" rx="6" fill="{PAPER}"/>'
    return "\n".join([opening, paper, *parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    target = DOCS / "images" / "preferences.svg"
    target.write_text(draw(run_example(DOCS / "mechanisms" / "preferences.md")), encoding="utf-8")
    print(f"wrote {target.name}")
