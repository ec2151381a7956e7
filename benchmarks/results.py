"""What a run of benchmarks leaves behind: records in ``results.json``, and the tables that pages quote from it."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_QUOTED = re.compile(
    r"(<!-- benchmarks(?P<bars> with bars)?(?P<groups>[^>]*) -->\n).*?(?P<end><!-- /benchmarks -->)", flags=re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Record:
    """One line of ``results.json``.

    Attributes
    ----------
    group, name, size
        Which benchmark.
    seconds, cpu_seconds
        Median wall and CPU time of one call.
    value, unit
        What is held against the bar.
    bar
        The value to reach, or None.
    ok
        Whether it is reached; None without a bar.
    """

    group: str
    name: str
    size: int
    seconds: float
    cpu_seconds: float
    value: float
    unit: str
    bar: float | None
    ok: bool | None


def read(path: Path) -> list[Record]:
    """The records of a results file."""
    return [Record(**entry) for entry in json.loads(path.read_text("utf-8"))]


def render(records: Iterable[Record]) -> str:
    """The records as the text of a results file: one line each, so that a difference can be read."""
    return "[\n" + ",\n".join(json.dumps(asdict(record)) for record in records) + "\n]\n"


def merge(known: Iterable[Record], measured: Iterable[Record], groups: Iterable[str]) -> list[Record]:
    """The known records of other groups and the measured ones, by group, name and size."""
    replaced = set(groups)
    kept = [record for record in known if record.group not in replaced]
    return sorted([*kept, *measured], key=lambda record: (record.group, record.name, record.size))


def quote(page: str, records: Sequence[Record]) -> str:
    """A page with its tables of results renewed: what stands between ``<!-- benchmarks [GROUP …] -->`` and its end.

    With ``<!-- benchmarks with bars [GROUP …] -->`` those only that are held against a bar.
    """

    def renewed(found: re.Match[str]) -> str:
        shown = [record for record in records if record.bar is not None] if found["bars"] else records
        return f"{found[1]}\n{markdown_table(shown, found['groups'].split())}\n\n{found['end']}"

    return _QUOTED.sub(renewed, page)


def markdown_table(records: Iterable[Record], groups: Sequence[str] = ()) -> str:
    """The records of the groups (all, if none is named) as a Markdown table.

    Examples
    --------
    >>> print(markdown_table([Record("grid", "power_flow", 96, 0.25, 0.2, 0.25, "s", 1.0, True)]))
    | group | benchmark | size | value | bar |
    |---|---|---:|---:|---:|
    | grid | power flow | 96 | 0.25 s | ≤ 1 s |
    """
    lines = ["| group | benchmark | size | value | bar |", "|---|---|---:|---:|---:|"]
    for record in records:
        if not groups or record.group in groups:
            cells = (
                record.group,
                record.name.replace("_", " "),
                f"{record.size:,}",
                value_text(record),
                bar_text(record),
            )
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def value_text(record: Record) -> str:
    """The value with its unit."""
    return _quantity(record.value, record.unit)


def bar_text(record: Record) -> str:
    """The bar with its direction; empty without a bar."""
    if record.bar is None:
        return ""
    below_is_better = record.ok == (record.value <= record.bar)
    return f"{'≤' if below_is_better else '≥'} {_quantity(record.bar, record.unit)}"


def _quantity(number: float, unit: str) -> str:
    digits = f"{number:,.0f}" if abs(number) >= 1_000 else f"{number:.3g}"
    return f"{digits} {unit}"
