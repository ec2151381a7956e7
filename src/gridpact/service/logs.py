"""What a service writes down of what it does: for people, or as JSON, one object a line, for whoever collects it.

A *trace* leads from a member's message to its bill: it is the key of the command, ``author/id``. It stands in the
acknowledgement (as ``id``), names the order that the command made, and by that name its trades (`Traded.order`) and the bill
(`Bill.orders`).
"""

import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from gridpact.client import Bill
from gridpact.exchange import Refused, Step
from gridpact.service.store import Effect

LOG = logging.getLogger("gridpact.steps")
BILL = b'{"kind":"bill",'
"""How a bill begins."""
FIELDS = ("area", "number", "trace", "event", "interval", "reason")
"""What a line may say beside time, level, logger and message."""


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        said |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(said).decode()


def set_up_logs(*, as_json: bool) -> None:
    """Write to standard error: warnings for people; as JSON every step as well."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else logging.Formatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    LOG.setLevel(logging.INFO if as_json else logging.WARNING)


def log_steps(area: str, first: int, steps: Sequence[Step], effects: Sequence[Effect]) -> None:
    """Write down durable steps: a line an event, under the trace of what it belongs to, and a line a bill and order behind it.

    Parameters
    ----------
    area
        Of the market.
    first
        Number of the first step.
    steps, effects
        As they became durable together.
    """
    if not LOG.isEnabledFor(logging.INFO):
        return
    for number, step in enumerate(steps, first):
        own = step.command.key if step.command is not None else ""
        for event in step.events:
            named = [getattr(event, name, "") for name in ("order", "item", "sell", "buy")]
            more = {"reason": str(event.reason)} if isinstance(event, Refused) else {}
            for trace in [each for each in dict.fromkeys(named) if each] or [own]:
                _line(area, number, trace, type(event).__name__, getattr(event, "interval", None), more)
    for effect in effects:
        if effect.payload.startswith(BILL):
            bill = msgspec.json.decode(effect.payload, type=Bill)
            for trace in bill.orders:
                _line(area, effect.number, trace, "Bill", bill.interval, {})


def _line(area: str, number: int, trace: str, event: str, interval: int | None, more: dict[str, str]) -> None:
    said = {"area": area, "number": number, "trace": trace, "event": event, **more}
    LOG.info("%s", event, extra=said if interval is None else said | {"interval": interval})
