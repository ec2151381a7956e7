"""OPC UA: the energy counter of an industrial meter or inverter, as readings of a member's meter. With the extra ``opcua``."""

import asyncio
from collections.abc import Callable
from typing import Any

from gridpact.client.client import Market
from gridpact.client.plugs.signs import Sign
from gridpact.errors import InputError
from gridpact.ledger import SigningKey

WH_PER_UNIT = {"Wh": 1.0, "kWh": 1_000.0, "MWh": 1_000_000.0}


async def read_counter(client: Any, node: str, *, unit: str = "kWh", sign: Sign = 1) -> float:
    """The present state of a counter, Wh, + = import.

    Parameters
    ----------
    client
        A connected `asyncua.Client`.
    node
        Node id, as ``ns=2;s=Meter.Energy``.
    unit
        Of the counter.
    sign
        −1 if it counts export.

    Raises
    ------
    InputError
        If the unit is unknown, or the node holds no number.
    """
    if unit not in WH_PER_UNIT:
        raise InputError(f"unit {unit!r}", place=node, accepted=", ".join(WH_PER_UNIT))
    value = await client.get_node(node).read_value()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{value!r}", place=node, accepted="a number")
    return sign * float(value) * WH_PER_UNIT[unit]


async def report_from_opcua(
    client: Any,
    node: str,
    market: Market,
    *,
    name: str,
    key: SigningKey,
    clock: Callable[[], int],
    step_ms: int,
    unit: str = "kWh",
    sign: Sign = 1,
    every_s: float = 1.0,
) -> None:
    """Read a counter, and report what it has counted in each interval. Works until cancelled.

    The counter's state at the end of an interval is the first one read after it, so readings should be much more frequent than
    intervals; whatever is counted late is in the next interval, and nothing is lost.

    Parameters
    ----------
    client, node, unit, sign
        As `read_counter`.
    market
        The member's.
    name, key
        Of the meter.
    clock, step_ms
        The exchange's time, milliseconds since 1970 UTC, and the length of an interval.
    every_s
        Between two readings.

    Raises
    ------
    InputError
        As `read_counter`.
    RefusedError, NoAnswerError
        As `gridpact.client.Market.report`.
    """
    interval, begun_wh = clock() // step_ms, round(await read_counter(client, node, unit=unit, sign=sign))
    is_whole = False
    while True:
        await asyncio.sleep(every_s)
        now, counted_wh = clock() // step_ms, round(await read_counter(client, node, unit=unit, sign=sign))
        if now == interval:
            continue
        if is_whole and now == interval + 1:
            await market.report(interval * step_ms, counted_wh - begun_wh, meter=name, key=key)
        is_whole, interval, begun_wh = now == interval + 1, now, counted_wh
