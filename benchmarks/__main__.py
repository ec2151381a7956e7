"""``python -m benchmarks [GROUP …]``: run benchmarks, print a table, write ``results.json`` and the pages that quote it.

Every benchmark runs at every size in a fresh process, so that none profits from, or pays for, the memory of another. A run
of some groups replaces only their records in the file. The exit code is 1 if a bar is missed.
"""

import argparse
import importlib
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.registry import REGISTRY, Registry
from benchmarks.results import Record, bar_text, markdown_table, merge, quote, read, render, value_text

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
ROOT = FOLDER.parent
PAGES = (ROOT / "README.md", ROOT / "docs" / "benchmarks.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.table:
        print(markdown_table(read(RESULTS), options.groups))
        return 0
    load_benchmarks()
    if options.one:
        group, name, size = options.one
        print(json.dumps(asdict(REGISTRY.benchmarks[group, name].measure(int(size)))))
        return 0
    if unknown := [group for group in options.groups if group not in REGISTRY.groups]:
        print(f"no such group: {', '.join(unknown)}; known: {', '.join(REGISTRY.groups)}", file=sys.stderr)
        return 2
    groups = options.groups or REGISTRY.groups
    records = read(RESULTS) if RESULTS.exists() and options.groups else []
    measured: list[Record] = []
    for group in groups:  # written one by one: a run takes long, and may be ended
        of_group = [_measure_apart(*case) for case in cases(REGISTRY, [group])]
        measured += of_group
        records = merge(records, of_group, [group])
        RESULTS.write_text(render(records), encoding="utf-8")
        for page in PAGES:
            page.write_text(quote(page.read_text("utf-8"), records), encoding="utf-8")
    _print_table(measured)
    missed = [record for record in measured if record.ok is False]
    print(f"{len(measured)} measured, {len(missed)} beyond their bar; written to {RESULTS.relative_to(ROOT)}")
    return 1 if missed else 0


def load_benchmarks() -> None:
    """Import every ``bench_*.py``, which declares its benchmarks."""
    for module in sorted(FOLDER.glob("bench_*.py")):
        importlib.import_module(f"benchmarks.{module.stem}")


def cases(registry: Registry, groups: Iterable[str]) -> list[tuple[str, str, int]]:
    """Group, name and size of everything that belongs to the groups."""
    chosen = set(groups)
    return [(b.group, b.name, size) for b in registry.benchmarks.values() if b.group in chosen for size in b.sizes]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").replace("``", ""))
    parser.add_argument("groups", nargs="*", help="groups to run; all if none is named")
    parser.add_argument("--table", action="store_true", help="print the last results as Markdown; run nothing")
    parser.add_argument("--one", nargs=3, metavar=("GROUP", "NAME", "SIZE"), help=argparse.SUPPRESS)
    return parser


def _measure_apart(group: str, name: str, size: int) -> Record:
    print(f"{group}/{name} {size:,} …", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks", "--one", group, name, str(size)]
    answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    entry: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return Record(**entry)


def _print_table(records: Iterable[Record]) -> None:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("group", "benchmark"):
        table.add_column(heading, no_wrap=True)
    for heading in ("size", "wall s", "CPU s", "value", "bar", ""):
        table.add_column(heading, justify="right", no_wrap=True)
    verdict = {True: "[green]yes", False: "[red]NO", None: ""}
    for r in records:
        times = f"{r.seconds:.3g}", f"{r.cpu_seconds:.3g}"
        table.add_row(r.group, r.name, f"{r.size:,}", *times, value_text(r), bar_text(r), verdict[r.ok])
    Console(width=None if sys.stdout.isatty() else 110).print(table)


if __name__ == "__main__":
    sys.exit(main())
