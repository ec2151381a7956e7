"""Times, money and energy as people read them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gridpact.exchange import Bounds
from gridpact.study.pages.formats import DASH, SPACE, number, percent
from gridpact.units import MICRO

PHASES = {
    "OPEN": "bidding",
    "CLEARED": "gate closed",
    "ACCEPTED": "checked",
    "DELIVERED": "delivered",
    "SETTLED": "settled",
}
_SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$"}


@dataclass(frozen=True, slots=True)
class Words:
    """In a community's own time and currency."""

    zone: str
    currency: str

    def time(self, at: int) -> str:
        """The time of day.

        Examples
        --------
        >>> Words("Europe/Berlin", "EUR").time(1_000)
        '01:00'
        """
        return f"{self._local(at):%H:%M}"

    def moment(self, at: int) -> str:
        """Day and time of day.

        Examples
        --------
        >>> Words("UTC", "EUR").moment(86_400_000).replace(SPACE, " ")
        'Fri 2 Jan, 00:00'
        """
        local = self._local(at)
        return f"{local:%a}{SPACE}{local.day}{SPACE}{local:%b}, {local:%H:%M}"

    def iso(self, at: int) -> str:
        """For a machine."""
        return datetime.fromtimestamp(at // 1_000, tz=UTC).isoformat()

    def money(self, micro: int) -> str:
        """An amount; four digits, since an interval's bill is small."""
        return f"{number(micro / MICRO, 4)}{SPACE}{self._symbol}"

    def sum(self, micro: int) -> str:
        """A larger amount."""
        return f"{number(micro / MICRO, 2)}{SPACE}{self._symbol}"

    def price(self, micro: int | None) -> str:
        """A price in hundredths of the currency a kWh.

        Examples
        --------
        >>> Words("UTC", "EUR").price(123_400), Words("UTC", "EUR").price(None)
        ('12.34', '–')
        """
        return DASH if micro is None else number(micro * 100 / MICRO, 2)

    @property
    def price_unit(self) -> str:
        """The unit of `price`."""
        return {"EUR": "ct/kWh", "USD": "¢/kWh", "GBP": "p/kWh"}.get(self.currency, f"0.01 {self.currency}/kWh")

    def kwh(self, wh: int, digits: int = 2) -> str:
        """An energy in kWh, without the unit."""
        return number(wh / 1_000, digits)

    def number(self, value: float, digits: int = 0) -> str:
        """A number."""
        return number(value, digits)

    def share(self, value: float, digits: int = 0) -> str:
        """A share of 1 in percent."""
        return percent(value, digits)

    def phase(self, name: str) -> str:
        """A phase in a word."""
        return PHASES[name]

    def cut(self, reason: str, value: int) -> str:
        """A violated quantity: a loading in percent, or a voltage in p.u."""
        if reason == "OVERLOAD":
            return percent(value / 1_000, 1)
        return f"{number(value / MICRO, 4)}{SPACE}p.u." if value else DASH

    def bounds(self, of: Bounds | None) -> str:
        """What binds a member more narrowly than its area.

        Examples
        --------
        >>> Words("UTC", "EUR").bounds(Bounds(most_wh=2_000, highest_price=250_000)).replace(SPACE, " ")
        '2.0 kWh, to 25.00 ct/kWh'
        """
        if of is None:
            return DASH
        parts = (
            "" if of.most_wh is None else f"{self.kwh(of.most_wh, 1)}{SPACE}kWh",
            "" if of.lowest_price is None else f"from {self.price(of.lowest_price)}{SPACE}{self.price_unit}",
            "" if of.highest_price is None else f"to {self.price(of.highest_price)}{SPACE}{self.price_unit}",
            "" if of.most_messages is None else f"{of.most_messages} messages",
        )
        return ", ".join(filter(None, parts))

    @property
    def _symbol(self) -> str:
        return _SYMBOLS.get(self.currency, self.currency)

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at / 1_000, tz=ZoneInfo(self.zone))
