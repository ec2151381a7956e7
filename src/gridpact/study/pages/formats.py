"""Numbers, money and times as people read them. A number that is not defined is a dash."""

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

DASH = "–"
MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"
SPACE = "\N{NO-BREAK SPACE}"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, digits: int = 0) -> str:
    """A number with narrow spaces between thousands.

    Examples
    --------
    >>> number(-1234.5, 1).replace(THIN, "_").replace(MINUS, "-"), number(float("nan")), number(-0.001, 2)
    ('-1_234.5', '–', '0.00')
    """
    if not math.isfinite(value):
        return DASH
    text = f"{abs(value):,.{digits}f}".replace(",", THIN)
    return (MINUS if value < 0 and text.strip("0.") else "") + text


def percent(share: float, digits: int = 1) -> str:
    """A share of 1 in percent.

    Examples
    --------
    >>> percent(0.1234).replace(SPACE, " "), percent(float("nan"))
    ('12.3 %', '–')
    """
    return DASH if not math.isfinite(share) else f"{number(100 * share, digits)}{SPACE}%"


def quantity(value: float, unit: str, digits: int = 0) -> str:
    """A number with its unit, held together."""
    return DASH if not math.isfinite(value) else f"{number(value, digits)}{SPACE}{unit}"


def measure(value: float) -> str:
    """A number of unknown size in three significant digits, or whole from a thousand up.

    Examples
    --------
    >>> [measure(value).replace(SPACE, " ").replace(THIN, "_") for value in (0.0, 3.0, -0.01234, 1.2345e-9, 1596.2)]
    ['0', '3', '−0.0123', '1.23 · 10⁻⁹', '1_596']
    """
    if not math.isfinite(value):
        return DASH
    if abs(value) < 1e9 and (value == round(value) or abs(value) >= 1000):
        return number(value)
    mantissa, _, exponent = f"{value:.3g}".replace("-", MINUS, int(value < 0)).partition("e")
    return mantissa + (f"{SPACE}·{SPACE}10{str(int(exponent)).translate(_RAISED)}" if exponent else "")


def count(amount: int, singular: str, plural: str | None = None) -> str:
    """A count with its noun.

    Examples
    --------
    >>> count(1, "member").replace(SPACE, " "), count(2, "bus", "buses").replace(SPACE, " ")
    ('1 member', '2 buses')
    """
    return f"{number(amount)}{SPACE}{singular if amount == 1 else plural or singular + 's'}"


def span(length: timedelta) -> str:
    """A length of time in the largest unit that fits it whole.

    Examples
    --------
    >>> [span(timedelta(minutes=m)).replace(SPACE, " ") for m in (15, 60, 1440, 10080, 90)]
    ['15 min', '1 h', '1 day', '7 days', '90 min']
    """
    seconds = length.total_seconds()
    for size, unit in ((86400, "day"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            amount = int(seconds // size)
            return count(amount, "day") if unit == "day" else f"{amount}{SPACE}{unit}"
    return f"{seconds:g}{SPACE}s"


def seconds(value: float) -> str:
    """A run time.

    Examples
    --------
    >>> [seconds(s).replace(SPACE, " ") for s in (0.0123, 1.234, 75.0)]
    ['0.012 s', '1.2 s', '75 s']
    """
    return quantity(value, "s", 3 if value < 0.1 else 2 if value < 1 else 1 if value < 10 else 0)


def local_time(moment: datetime, zone: str) -> str:
    """A moment in the community's own time.

    Examples
    --------
    >>> from datetime import timezone
    >>> local_time(datetime(2025, 6, 1, 22, tzinfo=timezone.utc), "Europe/Berlin").replace(SPACE, " ")
    '2 Jun 2025, 00:00'
    """
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local.day}{SPACE}{local:%b}{SPACE}{local:%Y, %H:%M}"
