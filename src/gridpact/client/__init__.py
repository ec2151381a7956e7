"""For things that trade: join a market area over MQTT, send signed commands, hear what came of them.

::

    async with connect("mqtt://localhost:1883", area="demo", member="ann", password=password, key=key) as market:
        interval = (await market.next_open()).interval
        await market.send(PlaceOrder(interval, is_buy=True, energy_wh=500, price=250_000))
        async for message in market.news():
            print(message)
"""

from gridpact.client.client import Market, NoAnswerError, RefusedError, connect
from gridpact.client.mail import Letter, Mail, Tray, open_mail
from gridpact.client.messages import (
    Ack,
    AnyMessage,
    BatteryIs,
    Bill,
    BookIs,
    ClockIs,
    HeadIs,
    KeyIs,
    Level,
    Limit,
    LimitsAre,
    PhaseIs,
    PricesAre,
    Reduced,
    Traded,
    Unmatched,
)
from gridpact.client.topics import Topics

__all__ = [
    "Ack",
    "AnyMessage",
    "BatteryIs",
    "Bill",
    "BookIs",
    "ClockIs",
    "HeadIs",
    "KeyIs",
    "Letter",
    "Level",
    "Limit",
    "LimitsAre",
    "Mail",
    "Market",
    "NoAnswerError",
    "PhaseIs",
    "PricesAre",
    "Reduced",
    "RefusedError",
    "Topics",
    "Traded",
    "Tray",
    "Unmatched",
    "connect",
    "open_mail",
]
