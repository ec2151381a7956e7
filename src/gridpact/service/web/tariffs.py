"""Prices as others read them: a custom tariff of evcc, an answer of evcc's that OpenEMS reads, a series for FlexMeasures."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from gridpact.exchange import Phase, State
from gridpact.exchange.rules import MINUTE
from gridpact.service.web.views import clearing
from gridpact.units import MICRO

QUARTER_MS = 15 * MINUTE


class TariffKind(StrEnum):
    """Whose price: the supplier's for what is drawn or fed in, or the mean of what neighbours trade."""

    IMPORT = "import"
    EXPORT = "export"
    TRADED = "traded"


class Rate(msgspec.Struct, frozen=True):
    """A price, units of the currency per kWh, from ``start`` to before ``end`` (RFC 3339)."""

    start: str
    end: str
    value: float


class Rates(msgspec.Struct, frozen=True):
    """Rates in an object, as evcc's own API gives them."""

    rates: tuple[Rate, ...]


class TariffAnswer(msgspec.Struct, frozen=True):
    """What evcc answers to ``/api/tariff/grid``."""

    result: Rates


class Series(msgspec.Struct, frozen=True):
    """What a FlexMeasures sensor is sent: values of equal steps from ``start`` on, ``duration`` (ISO 8601) in all."""

    values: tuple[float, ...]
    start: str
    duration: str
    unit: str


def rates(state: State, kind: TariffKind, now: int) -> list[Rate]:
    """The intervals that are going on or to come, in order; of traded prices those whose gate has closed on a trade."""
    return [_rate(start, start + state.rules.step_ms, value) for start, value in _prices(state, kind, now)]


def quarters(state: State, kind: TariffKind, now: int) -> TariffAnswer:
    """The same by quarters of an hour, which OpenEMS takes besides hours; steps that are no such multiple stay whole."""
    step = state.rules.step_ms
    part = step if step % QUARTER_MS else QUARTER_MS
    return TariffAnswer(
        Rates(
            tuple(
                _rate(begin, begin + part, value)
                for start, value in _prices(state, kind, now)
                for begin in range(start, start + step, part)
            )
        )
    )


def series(state: State, kind: TariffKind, now: int, currency: str) -> Series | None:
    """The first prices that follow each other without a gap; None if there are none."""
    found, step = _prices(state, kind, now), state.rules.step_ms
    if not found:
        return None
    first = found[0][0]
    values = [value for number, (start, value) in enumerate(found) if start == first + number * step]
    minutes, rest = divmod(len(values) * step, MINUTE)
    duration = f"PT{minutes}M" + (f"{rest / 1_000:g}S" if rest else "")
    return Series(tuple(value / MICRO for value in values), _iso(first), duration, f"{currency}/kWh")


def _prices(state: State, kind: TariffKind, now: int) -> Sequence[tuple[int, int]]:
    """Start and price, micro-units per kWh."""
    ahead = [each for start, each in sorted(state.intervals.items()) if start + state.rules.step_ms > now]
    match kind:
        case TariffKind.IMPORT:
            return [(each.start, each.prices.import_price) for each in ahead]
        case TariffKind.EXPORT:
            return [(each.start, each.prices.export_price) for each in ahead]
    closed = ((each.start, clearing(each.trades).mean) for each in ahead if each.phase != Phase.OPEN)
    return [(start, mean) for start, mean in closed if mean is not None]


def _rate(start: int, end: int, value: int) -> Rate:
    return Rate(_iso(start), _iso(end), value / MICRO)


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000, tz=UTC).isoformat().replace("+00:00", "Z")
