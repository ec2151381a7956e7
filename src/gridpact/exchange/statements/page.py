"""A statement as a page to read and print, and as CSV to add up."""

import csv
import io
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gridpact.exchange.statements.bookings import CAUSES, ENERGIES, Line, Statement, local
from gridpact.units import MICRO, WH_PER_KWH

HERE = "gridpact.exchange.statements"
CSV_COLUMNS = (
    "step",
    "booked",
    "interval",
    "round",
    "reading",
    *(f"{name}_wh" for name in ENERGIES),
    *(f"{name}_micro" for name in (*CAUSES, "amount")),
)
WORDS = {
    "trades": ("Trades with neighbours", "energy bought from and sold to other members, at the prices agreed"),
    "retail": ("Supplier", "what the meter shows beyond the trades, at the retail prices"),
    "imbalance": ("Imbalance", "energy sold and not delivered, or bought and not taken"),
    "network": ("Network charge", "of traded energy, to the network operator"),
    "service": ("Service charge", "of traded energy, to the exchange"),
    "penalty": ("Penalty", "for imbalance beyond the dead band"),
    "transfers": ("Transfers", "what the market moves besides the trades"),
}


def to_csv(statement: Statement) -> str:
    """The lines of a statement: one row a booking, whole Wh and micro-units, times in UTC (ISO 8601).

    ``reading`` is ``metered`` or ``estimated``. The rows add up to the totals of the page, and to the events in the steps that
    they name.
    """
    utc, written = ZoneInfo("UTC"), io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for line in statement.lines:
        booked, interval = (local(at, utc).isoformat().replace("+00:00", "Z") for at in (line.at, line.interval))
        reading = "estimated" if line.estimated else "metered"
        sums = (getattr(line, name) for name in (*ENERGIES, *CAUSES, "amount"))
        writer.writerow((line.step, booked, interval, line.round, reading, *sums))
    return written.getvalue()


def to_html(statement: Statement, *, title: str = "", zone: str = "UTC", currency: str = "") -> str:
    """The statement as one HTML page that loads nothing and prints on paper.

    Parameters
    ----------
    statement
        Of one member.
    title
        Under the heading; the period by default.
    zone
        Time zone in which days are counted.
    currency
        Name of the currency, which stands behind the totals.
    """
    at = ZoneInfo(zone)
    first, last = local(statement.begin, at), local(statement.end - 1, at)
    settled = [line for line in statement.lines if line.round == 0]
    return (
        _templates()
        .get_template("statement.html.j2")
        .render(
            style=Markup(files(HERE).joinpath("templates/statement.css").read_text(encoding="utf-8")),
            statement=statement,
            title=title or f"{first.day} {first:%B %Y} to {last.day} {last:%B %Y}",
            zone=zone,
            currency=currency,
            causes=[(*WORDS[cause], statement.total(cause)) for cause in CAUSES],
            total=statement.total("amount"),
            days=_days(settled, at),
            whole=Day.of("", settled),
            corrections=[
                (_at(line.interval, at), _at(line.at, at), line) for line in statement.lines if line.round > 0
            ],
            estimated=[_at(line.interval, at) for line in settled if line.estimated],
            version=version("gridpact"),
        )
    )


@dataclass(frozen=True, slots=True)
class Day:
    """Sums of the settlements of one day of delivery; energies in Wh, the amount in micro-units."""

    name: str
    demand: int
    surplus: int
    bought: int
    sold: int
    imported: int
    exported: int
    astray: int
    amount: int

    @classmethod
    def of(cls, name: str, lines: list[Line]) -> "Day":
        """Add lines up."""
        return cls(
            name,
            demand=sum(max(line.metered, 0) for line in lines),
            surplus=sum(max(-line.metered, 0) for line in lines),
            bought=sum(line.bought for line in lines),
            sold=sum(line.sold for line in lines),
            imported=sum(line.imported for line in lines),
            exported=sum(line.exported for line in lines),
            astray=sum(line.astray for line in lines),
            amount=sum(line.amount for line in lines),
        )


def _days(lines: list[Line], zone: ZoneInfo) -> list[Day]:
    days: dict[date, list[Line]] = defaultdict(list)
    for line in lines:
        days[local(line.interval, zone).date()].append(line)
    return [Day.of(f"{day:%a} {day.day} {day:%b}", days[day]) for day in sorted(days)]


def _at(at: int, zone: ZoneInfo) -> str:
    then = local(at, zone)
    return f"{then.day} {then:%b}, {then:%H:%M}"


def _money(micro: int) -> str:
    """Micro-units as units of the currency, exact: six decimals, a true minus."""
    whole, rest = divmod(abs(micro), MICRO)
    return f"{'−' if micro < 0 else ''}{whole:,}.{rest:06}"


def _kwh(wh: int) -> str:
    """Wh as kWh, exact: three decimals."""
    whole, rest = divmod(abs(wh), WH_PER_KWH)
    return f"{'−' if wh < 0 else ''}{whole:,}.{rest:03}"


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"money": _money, "kwh": _kwh}
    return environment
