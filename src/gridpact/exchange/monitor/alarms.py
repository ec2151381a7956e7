"""What needs a person's eye, and from when on."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class AlarmKind(StrEnum):
    """What needs a person's eye."""

    METERS = "meters disagree"
    UNCHECKED = "not checked"
    NO_POWER_FLOW = "no power flow"
    NETWORK = "network without trade"
    CONCENTRATION = "concentration"
    PRICE = "price beyond references"
    SELF_TRADE = "trade with itself"
    WASH_TRADE = "trades in a ring"
    WITHHELD = "withheld volume"
    IMBALANCE = "repeated imbalance"
    ACCESS = "unequal access"


class Alarm(msgspec.Struct, frozen=True):
    """Something that the operator should look at: ``at`` and ``interval`` in milliseconds since 1970 UTC."""

    at: int
    interval: int
    kind: AlarmKind
    text: str
    member: str = ""


Share = Annotated[float, Meta(gt=0, le=1)]


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From when on the monitor speaks; shares in parts of 1.

    Attributes
    ----------
    window
        Intervals that are looked back on.
    least
        Intervals in which somebody must have traded, or had a surplus, before its window says anything.
    hhi
        Index of concentration, points: at 4,000 a side is as concentrated as with two and a half equal members. The 1,800 of
        the United States' merger guidelines (2023, guideline 1) speak of whole industries; a street has a handful of sellers.
    withheld
        Share of a member's surplus that was not offered, or above what the supplier asks.
    pivotal
        Share of everybody's surplus from which on withholding can move the price.
    astray
        Share of a member's agreed energy that was not delivered or not taken.
    ring_wh
        Energy that came back to somebody in one interval.
    slower
        How many times as long as the middle member somebody waits for answers.
    slower_s
        And by how much at least, s.
    answers
        Answers that somebody must have got before its waits say anything.
    """

    window: Annotated[int, Meta(ge=1, le=35_136)] = 96
    least: Annotated[int, Meta(ge=1, le=35_136)] = 8
    hhi: Annotated[int, Meta(ge=0, le=10_000)] = 4_000
    withheld: Share = 0.5
    pivotal: Share = 0.2
    astray: Share = 0.5
    ring_wh: Annotated[int, Meta(ge=1)] = 1
    slower: Annotated[float, Meta(ge=1)] = 3.0
    slower_s: Annotated[float, Meta(ge=0)] = 0.1
    answers: Annotated[int, Meta(ge=1)] = 20
