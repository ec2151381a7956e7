"""Figures for Prometheus, in its text format: counts only, nobody's name."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gridpact.exchange import Phase
from gridpact.service.web.site import Site

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Family(NamedTuple):
    """A figure with its values by label; the label may be empty."""

    name: str
    kind: str
    means: str
    values: Iterable[tuple[str, float]]


def metrics_text(*sites: Site) -> str:
    """All figures of these areas: each figure once, with a line an area and label."""
    areas = [f'area="{site.state.rules.area}"' for site in sites]
    lines = []
    for same in zip(*map(_families, sites), strict=True):
        name = f"gridpact_{same[0].name}"
        lines += [f"# HELP {name} {same[0].means}", f"# TYPE {name} {same[0].kind}"]
        for area, family in zip(areas, same, strict=True):
            lines += [f"{name}{{{area}{',' if label else ''}{label}}} {value}" for label, value in family.values]
    return "".join(f"{line}\n" for line in lines)


def _families(site: Site) -> Iterator[Family]:
    state, history = site.state, site.history
    everybody, phases = history.everybody, [interval.phase for interval in state.intervals.values()]
    events = [(f'kind="{kind}"', count) for kind, count in sorted(history.events.items())]
    refusals = [(f'reason="{reason}"', count) for reason, count in sorted(history.refusals.items())]
    intervals = [(f'phase="{phase}"', phases.count(phase)) for phase in Phase]
    waits = site.waits.members.values()

    def one(name: str, kind: str, means: str, value: float) -> Family:
        return Family(name, kind, means, [("", value)])

    yield one("steps_total", "counter", "Durable steps.", history.steps)
    yield Family("events_total", "counter", "Events by kind.", events)
    yield Family("refusals_total", "counter", "Refused messages by reason.", refusals)
    yield Family("intervals", "gauge", "Intervals by phase.", intervals)
    yield one("traded_wh_total", "counter", "Energy of settled trades.", everybody.bought)
    yield one("astray_wh_total", "counter", "Energy sold or bought and not delivered.", everybody.astray)
    yield one(
        "answers_total", "counter", "Messages of members that were answered.", sum(each.answers for each in waits)
    )
    yield one("waited_seconds_total", "counter", "Time until those answers.", sum(each.total_s for each in waits))
    yield one("alarms", "gauge", "Alarms that are kept.", len(history.alarms))
    yield one("listeners", "gauge", "Open streams of events.", site.window.feed.listeners)
    yield one("broker_connected", "gauge", "Whether the line stands.", int(site.connected.is_set()))
    yield one("clock_milliseconds", "gauge", "The exchange's clock.", site.clock())
