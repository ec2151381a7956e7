"""What an exchange keeps: steps, each a command, the time of its receipt, and all events that came of it."""

from msgspec import Struct

from gridpact.exchange.commands import Command
from gridpact.exchange.events import AnyEvent
from gridpact.exchange.values import Millis


class Step(Struct, frozen=True, forbid_unknown_fields=True):
    """One command and what came of it, kept together or not at all.

    Attributes
    ----------
    at
        Time of receipt, stamped by the exchange.
    command
        None for the opening of the area, and for a message that is not a command.
    events
        In order.
    """

    at: Millis
    command: Command | None
    events: tuple[AnyEvent, ...]
