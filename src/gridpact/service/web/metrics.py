"""Figures for Prometheus, in its text format: counts only, nobody's name."""

from collections.abc import Iterable, Iterator

from gridpact.exchange import Phase
from gridpact.service.web.site import Site

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics_text(site: Site) -> str:
    """All figures of an area."""
    return "".join(f"{line}\n" for line in _lines(site))


def _lines(site: Site) -> Iterator[str]:
    state, history, area = site.state, site.history, f'area="{site.state.rules.area}"'

    def family(name: str, kind: str, means: str, values: Iterable[tuple[str, float]]) -> Iterator[str]:
        yield f"# HELP gridpact_{name} {means}"
        yield f"# TYPE gridpact_{name} {kind}"
        for label, value in values:
            yield f"gridpact_{name}{{{area}{',' if label else ''}{label}}} {value}"

    phases = [interval.phase for interval in state.intervals.values()]
    everybody = history.everybody
    yield from family("steps_total", "counter", "Durable steps.", [("", history.steps)])
    yield from family(
        "events_total",
        "counter",
        "Events by kind.",
        ((f'kind="{kind}"', count) for kind, count in sorted(history.events.items())),
    )
    yield from family(
        "refusals_total",
        "counter",
        "Refused messages by reason.",
        ((f'reason="{reason}"', count) for reason, count in sorted(history.refusals.items())),
    )
    yield from family(
        "intervals", "gauge", "Intervals by phase.", ((f'phase="{phase}"', phases.count(phase)) for phase in Phase)
    )
    yield from family("traded_wh_total", "counter", "Energy of settled trades.", [("", everybody.bought)])
    yield from family(
        "astray_wh_total", "counter", "Energy sold or bought and not delivered.", [("", everybody.astray)]
    )
    yield from family("alarms", "gauge", "Alarms that are kept.", [("", len(history.alarms))])
    yield from family("listeners", "gauge", "Open streams of events.", [("", site.window.feed.listeners)])
    yield from family("broker_connected", "gauge", "Whether the line stands.", [("", int(site.connected.is_set()))])
    yield from family("clock_milliseconds", "gauge", "The exchange's clock.", [("", site.clock())])
