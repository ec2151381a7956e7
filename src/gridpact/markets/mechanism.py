"""What a mechanism is, and how one is found by name."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Protocol, TypeAlias, runtime_checkable

import msgspec
import numpy as np

from gridpact.community.decode import accepted_type
from gridpact.errors import InputError, nearest_name
from gridpact.markets.book import Book
from gridpact.markets.certificate import Certificate
from gridpact.markets.outlook import Metering, Outlook
from gridpact.markets.pact import Pact, Trades
from gridpact.units import IntArray

Memory: TypeAlias = Any
"""What a mechanism carries from gate to gate: a value that can be saved. None at the first gate."""

ENTRY_POINTS = "gridpact.mechanisms"


@dataclass(frozen=True, slots=True)
class Gate:
    """How a mechanism clears.

    Attributes
    ----------
    covers
        How much one clearing covers before the next gate opens: intervals, or a length of time.
    looks_ahead
        How much further the outlook reaches, in the same terms. Trades may reach into it (the return of a loan); the rest of
        it is planned only, and cleared by later gates.
    carries_memory
        Whether a clearing depends on the memory of the one before. If not, and if it does not look ahead, many gates may be
        handed over in one call.
    reads_reactive
        Whether the outlook holds a forecast of reactive power: mechanisms with the grid inside need one, for others it would
        be made in vain.
    """

    covers: int | timedelta = 1
    looks_ahead: int | timedelta = 0
    carries_memory: bool = False
    reads_reactive: bool = False

    def __post_init__(self) -> None:
        for name in ("covers", "looks_ahead"):
            length = getattr(self, name)
            if length < 0 * length:
                raise InputError(
                    f"{name} = {length} is negative", place="gate", accepted="intervals or a time from 0 up"
                )

    def intervals(self, step: timedelta) -> tuple[int, int]:
        """How many intervals of this length it covers, at least one, and looks ahead.

        Examples
        --------
        >>> Gate(looks_ahead=timedelta(days=1)).intervals(timedelta(minutes=15))
        (1, 96)
        """
        covers, ahead = (
            length if isinstance(length, int) else math.ceil(length / step)
            for length in (self.covers, self.looks_ahead)
        )
        return max(covers, 1), ahead


@runtime_checkable
class Mechanism(Protocol):
    """A market that clears before delivery. Pure: same inputs, same outputs."""

    @property
    def name(self) -> str:
        """Registered name, ``family:variant``."""
        ...

    @property
    def gate(self) -> Gate:
        """How it clears."""
        ...

    def clear(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> tuple[Pact, Memory]:
        """Clear every interval of the outlook."""
        ...


@runtime_checkable
class OrderMechanism(Mechanism, Protocol):
    """A mechanism on orders: the members bid, the exchange matches."""

    def bid(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> Book:
        """The members' side: orders from what each member knows."""
        ...

    def match(self, book: Book, seed: int) -> Pact:
        """The exchange's side: a pact from orders alone. ``seed`` breaks ties; live, it is the hash of the signed order set."""
        ...

    def clear_by(
        self, outlook: Outlook, memory: Memory, rng: np.random.Generator, match: Callable[[Book], Pact]
    ) -> tuple[Pact, Memory]:
        """Clear with the exchange's side in other hands: the members bid, `match` makes the pact, the members learn."""
        ...


@runtime_checkable
class BidMechanism(Mechanism, Protocol):
    """A mechanism on bids, each an energy at a price: the exchange contracts from bids alone, and nothing is drawn."""

    def contract_for(
        self, demand_wh: IntArray, supply_wh: IntArray, price: IntArray, premium: IntArray | None, hours: float
    ) -> Pact:
        """A pact between bids, whose rows are its members.

        Parameters
        ----------
        demand_wh, supply_wh
            What each bid wants, and offers, ``[bid, interval]``.
        price
            The most that it pays, and the least that it takes, before charges, micro-units per kWh, ``[bid, interval]``.
        premium
            What a bid pays more (less, if negative) to another, ``[buyer, seller]``.
        hours
            Length of an interval.
        """
        ...


@runtime_checkable
class StatedMechanism(Mechanism, Protocol):
    """A mechanism whose outcome can be judged by what its members state, without finding it again."""

    def clear_stated(
        self, outlook: Outlook, memory: Memory, rng: np.random.Generator
    ) -> tuple[Pact, Memory, Mapping[str, IntArray]]:
        """What `clear` gives, and what the members' side states of it: integers by name, each with one row a member."""
        ...

    def judge(self, statements: Mapping[str, IntArray], hours: float, pact: Pact, commitments: Trades) -> Certificate:
        """The certificate of a pact, from statements, the pact and what stood before it alone.

        ``hours`` is the length of an interval; ``commitments`` are the trades already struck that fall into the gate's
        intervals, as in its outlook.
        """
        ...


@runtime_checkable
class PoolRule(Protocol):
    """A rule that shares costs and income after delivery, on metered energy."""

    @property
    def name(self) -> str:
        """Registered name, ``family:variant``."""
        ...

    def share(self, metering: Metering) -> Pact:
        """Trades and transfers that follow from what the meters showed."""
        ...


Market: TypeAlias = Mechanism | PoolRule


@cache
def _factories() -> dict[str, Callable[..., Market]]:
    """Every registered mechanism. An entry point names a family; its value maps variants to factories."""
    found: dict[str, Callable[..., Market]] = {}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        for variant, factory in entry.load().items():
            found[f"{entry.name}:{variant}" if variant else entry.name] = factory
    return found


def mechanism_names() -> dict[str, str]:
    """Names of all registered mechanisms with one line each."""
    return {name: (inspect.getdoc(factory) or "").partition("\n")[0] for name, factory in _factories().items()}


def make_mechanism(name: str, options: Mapping[str, Any] | None = None) -> Market:
    """Build a mechanism by its registered name.

    Parameters
    ----------
    name
        ``family:variant``, for instance ``"auction:uniform"``.
    options
        Keyword parameters of its factory, converted to the types with which the factory annotates them.

    Raises
    ------
    InputError
        If the name or an option is unknown (the nearest known one is named), or a value is of another type or out of range.

    Examples
    --------
    >>> make_mechanism("pool:keys", {"price": 1}).price
    1.0
    """
    factories = _factories()
    if name not in factories:
        raise InputError(
            f"mechanism {name!r} is unknown{nearest_name(name, list(factories))}", accepted=", ".join(factories)
        )
    parameters = inspect.signature(factories[name], eval_str=True).parameters
    for option in options or {}:
        if option not in parameters:
            raise InputError(
                f"mechanism {name!r} has no option {option!r}{nearest_name(option, list(parameters))}",
                accepted=", ".join(parameters) or "no options",
            )
    return factories[name](
        **{option: _converted(name, parameters[option], value) for option, value in (options or {}).items()}
    )


def _converted(name: str, parameter: inspect.Parameter, value: Any) -> Any:
    """A value of an option as its factory annotates it."""
    kind = Any if parameter.annotation is parameter.empty else parameter.annotation
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        accepted = accepted_type(msgspec.inspect.type_info(kind))
        raise InputError(f"{parameter.name} = {value!r}", place=name, accepted=accepted) from None
