"""Home Assistant: a member's market as a device with sensors, found by MQTT discovery.

Source of the format: documentation of Home Assistant, *MQTT*, device discovery: a retained message on
``homeassistant/device/<id>/config`` with the device, its origin and its components; an empty one takes the device back.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from gridpact import __version__
from gridpact.client.client import Market
from gridpact.client.messages import AnyMessage, Bill, PricesAre, Reduced, Traded
from gridpact.client.plugs.signs import HOME_ASSISTANT
from gridpact.units import MICRO

if TYPE_CHECKING:
    import aiomqtt

MOST_INTERVALS = 5_000
"""Whose bills and trades are remembered, so that a correction corrects the sums."""
_TOTAL = {"p": "sensor", "device_class": "energy", "unit_of_measurement": "kWh", "state_class": "total_increasing"}


def discovery(area: str, member: str, currency: str, *, prefix: str = "homeassistant") -> tuple[str, bytes]:
    """Topic and payload that make the device; to be published retained on the home's broker.

    Examples
    --------
    >>> topic, payload = discovery("north", "ann", "EUR")
    >>> topic
    'homeassistant/device/gridpact_north_ann/config'
    >>> msgspec.json.decode(payload)["cmps"]["import_price"]["unit_of_measurement"]
    'EUR/kWh'
    """
    identity = f"gridpact_{_plain(area)}_{_plain(member)}"
    price = {"p": "sensor", "unit_of_measurement": f"{currency}/kWh", "state_class": "measurement", "icon": "mdi:cash"}
    components: dict[str, dict[str, str]] = {
        "import_price": {"name": "Import price", **price},
        "export_price": {"name": "Export price", **price},
        "position": {"name": "Traded in the newest interval", "p": "sensor", "unit_of_measurement": "kWh"},
        "imported": {"name": "Imported", **_TOTAL},
        "exported": {"name": "Exported", **_TOTAL},
        "bought": {"name": "Bought from neighbours", **_TOTAL},
        "sold": {"name": "Sold to neighbours", **_TOTAL},
        "paid": {
            "name": "Paid",
            "p": "sensor",
            "device_class": "monetary",
            "unit_of_measurement": currency,
            "state_class": "total",
        },
    }
    for name, component in components.items():
        component |= {"unique_id": f"{identity}_{name}", "value_template": f"{{{{ value_json.{name} }}}}"}
    payload = {
        "dev": {"ids": [identity], "name": f"Gridpact {member}", "mf": "Gridpact", "mdl": f"market {area}"},
        "o": {"name": "gridpact", "sw": __version__},
        "state_topic": state_topic(area, member),
        "qos": 1,
        "cmps": components,
    }
    return f"{prefix}/device/{identity}/config", msgspec.json.encode(payload)


def state_topic(area: str, member: str) -> str:
    """Where the device's values stand, retained, on the home's broker."""
    return f"gridpact/home/{_plain(area)}/{_plain(member)}/state"


@dataclass(slots=True)
class Board:
    """What Home Assistant shows of a member: a fold over what the exchange says to it.

    Grid energy as Home Assistant counts it, + = import. Sums begin when the bridge does; Home Assistant takes that for a
    counter that was set back.
    """

    prices: PricesAre | None = None
    _trades: dict[int, dict[int, int]] = field(default_factory=dict)
    _bills: dict[int, dict[str, int]] = field(default_factory=dict)
    _before: dict[str, int] = field(default_factory=dict)

    def take(self, message: AnyMessage) -> bool:
        """Take a message; whether the board has changed."""
        match message:
            case PricesAre():
                self.prices = message
            case Traded():
                energy_wh = message.energy_wh if message.is_buy else -message.energy_wh
                self._trades.setdefault(message.interval, {})[message.trade] = energy_wh
            case Reduced():
                before = self._trades.get(message.interval, {}).get(message.trade)
                if before is None:
                    return False
                kept = message.energy_wh if before > 0 else -message.energy_wh
                self._trades[message.interval][message.trade] = kept
            case Bill():
                sums = self._bills.setdefault(message.interval, {})
                for name, value in (*message.energy.items(), ("paid", message.total)):
                    sums[name] = sums.get(name, 0) + value
            case _:
                return False
        self._forget()
        return True

    def values(self) -> dict[str, float | None]:
        """What is shown, in kWh and units of the currency."""
        metered = [HOME_ASSISTANT.grid * sums.get("metered", 0) for sums in self._bills.values()]
        sums_wh = {
            "imported": sum(wh for wh in metered if wh > 0),
            "exported": -sum(wh for wh in metered if wh < 0),
            "bought": sum(sums.get("bought", 0) for sums in self._bills.values()),
            "sold": sum(sums.get("sold", 0) for sums in self._bills.values()),
        }
        paid = sum(sums.get("paid", 0) for sums in self._bills.values()) + self._before.get("paid", 0)
        newest = max(self._trades, default=None)
        return {
            "import_price": None if self.prices is None else self.prices.prices.import_price / MICRO,
            "export_price": None if self.prices is None else self.prices.prices.export_price / MICRO,
            "position": None if newest is None else sum(self._trades[newest].values()) / 1_000,
            **{name: (wh + self._before.get(name, 0)) / 1_000 for name, wh in sums_wh.items()},
            "paid": paid / MICRO,
        }

    def _forget(self) -> None:
        """Keep the sums of old intervals, and not the intervals."""
        while len(self._trades) > MOST_INTERVALS:
            del self._trades[min(self._trades)]
        while len(self._bills) > MOST_INTERVALS:
            old = self._bills.pop(min(self._bills))
            metered = HOME_ASSISTANT.grid * old.get("metered", 0)
            parts = {"imported": max(metered, 0), "exported": max(-metered, 0)} | {
                name: old.get(name, 0) for name in ("bought", "sold", "paid")
            }
            for name, value in parts.items():
                self._before[name] = self._before.get(name, 0) + value


async def show_in_home_assistant(line: "aiomqtt.Client", market: Market, area: str, currency: str) -> None:
    """Make the device on the home's broker, and keep its values. Works until cancelled.

    Parameters
    ----------
    line
        To the home's broker, which Home Assistant is connected to.
    market
        The member's; its news are used up by this.
    area, currency
        Of the market.
    """
    topic, payload = discovery(area, market.member, currency)
    await line.publish(topic, payload, qos=1, retain=True)
    board = Board()
    async for message in market.news():
        if board.take(message):
            values: Any = msgspec.json.encode(board.values())
            await line.publish(state_topic(area, market.member), values, qos=1, retain=True)


def _plain(name: str) -> str:
    """A name as Home Assistant's ids allow it."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
