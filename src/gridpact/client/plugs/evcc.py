"""evcc: what it publishes of a site on MQTT, as readings of the member's meter.

Source of topics and signs: documentation of evcc, *MQTT API* (``evcc/site/grid/power``: W, + = import; ``evcc/site/pvPower``;
``evcc/site/battery/power``: W, + = discharge; ``evcc/site/battery/soc``: %). A payload is a number as text; empty, it takes a
value back.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gridpact.client.client import Market
from gridpact.client.plugs.metering import IntervalMeter
from gridpact.client.plugs.signs import EVCC
from gridpact.errors import InputError
from gridpact.ledger import SigningKey

if TYPE_CHECKING:
    import aiomqtt

TOPICS = ("grid/power", "pvPower", "battery/power", "battery/soc")


@dataclass(slots=True)
class EvccSite:
    """A site as evcc shows it, in our signs and units; None of what it has not said.

    Attributes
    ----------
    root
        Topic that evcc publishes below.
    grid_kw, pv_kw, battery_kw
        + = import, + = generated, + = charging.
    soc
        Share of the battery's capacity.

    Examples
    --------
    >>> site = EvccSite()
    >>> site.take("evcc/site/battery/power", b"1200"), site.battery_kw
    (True, -1.2)
    """

    root: str = "evcc"
    grid_kw: float | None = None
    pv_kw: float | None = None
    battery_kw: float | None = None
    soc: float | None = None

    @property
    def topics(self) -> list[str]:
        """What is to be listened to."""
        return [f"{self.root}/site/{name}" for name in TOPICS]

    def take(self, topic: str, payload: bytes) -> bool:
        """Take a message; whether it was one of the topics.

        Raises
        ------
        InputError
            If it is one, and the payload is no finite number.
        """
        if topic not in self.topics:
            return False
        value = _number(topic, payload)
        match topic.removeprefix(f"{self.root}/site/"):
            case "grid/power":
                self.grid_kw = _times(value, EVCC.grid / 1_000)
            case "pvPower":
                self.pv_kw = _times(value, EVCC.pv / 1_000)
            case "battery/power":
                self.battery_kw = _times(value, EVCC.battery / 1_000)
            case _:
                self.soc = _times(value, 1 / 100)
        return True


async def report_from_evcc(
    line: "aiomqtt.Client",
    market: Market,
    site: EvccSite,
    meter: IntervalMeter,
    *,
    name: str,
    key: SigningKey,
    clock: Callable[[], int],
) -> None:
    """Listen to evcc on the home's broker, and report each interval's energy to the market. Works until cancelled.

    Parameters
    ----------
    line
        To the home's broker.
    market
        The member's.
    site, meter
        Where the readings are kept and added up.
    name, key
        Of the meter.
    clock
        Milliseconds since 1970 UTC.

    Raises
    ------
    InputError
        If evcc says something that is no number.
    RefusedError, NoAnswerError
        As `Market.report`.
    """
    for topic in site.topics:
        await line.subscribe(topic, qos=1)
    async for message in line.messages:
        payload = message.payload if isinstance(message.payload, bytes) else b""
        if site.take(str(message.topic), payload) and site.grid_kw is not None:
            for interval, energy_wh in meter.power(clock(), site.grid_kw):
                await market.report(interval, energy_wh, meter=name, key=key)


def _number(topic: str, payload: bytes) -> float | None:
    if not payload:
        return None
    try:
        value = float(payload)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{payload[:40]!r}", place=topic, accepted="a number, as evcc publishes it")
    return value


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
