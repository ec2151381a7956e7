"""Why something was refused, cut or rejected: codes that a machine can read, the same in every room and every log."""

from enum import StrEnum


class ReasonCode(StrEnum):
    """A machine-readable reason.

    The codes of the grid and of credit reduce what was agreed; all others refuse a command, or say why an agreement lapsed.
    """

    VOLTAGE_LOW = "VOLTAGE_LOW"
    VOLTAGE_HIGH = "VOLTAGE_HIGH"
    OVERLOAD = "OVERLOAD"
    NO_CONVERGENCE = "NO_CONVERGENCE"
    UNCHECKED = "UNCHECKED"
    LEG = "LEG"
    CREDIT = "CREDIT"

    MALFORMED = "MALFORMED"
    WRONG_AREA = "WRONG_AREA"
    UNKNOWN_MEMBER = "UNKNOWN_MEMBER"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    FORBIDDEN = "FORBIDDEN"
    DUPLICATE = "DUPLICATE"
    CONFLICT = "CONFLICT"
    OUTDATED = "OUTDATED"
    EARLY = "EARLY"
    LATE = "LATE"
    LIMIT = "LIMIT"
    PRICE = "PRICE"
    STATE = "STATE"
    UNKNOWN_INTERVAL = "UNKNOWN_INTERVAL"
    UNKNOWN_ITEM = "UNKNOWN_ITEM"
    UNKNOWN_ORDER = "UNKNOWN_ORDER"
    UNKNOWN_TRADE = "UNKNOWN_TRADE"


MEANING: dict[ReasonCode, str] = {
    ReasonCode.VOLTAGE_LOW: "cut by the DSO: with all that was agreed, the voltage of a bus falls below its limit",
    ReasonCode.VOLTAGE_HIGH: "cut by the DSO: with all that was agreed, the voltage of a bus rises above its limit",
    ReasonCode.OVERLOAD: "cut by the DSO: with all that was agreed, a branch carries more than its rating",
    ReasonCode.NO_CONVERGENCE: "rejected: the power flow of all that was agreed has no solution",
    ReasonCode.UNCHECKED: "rejected: delivery began and the DSO had not checked the network",
    ReasonCode.LEG: "cut because the other leg of the same loan was cut",
    ReasonCode.CREDIT: "rejected by the supplier: a party of the trade has no credit",
    ReasonCode.MALFORMED: "not a command: the field is missing, of another type, or out of its range",
    ReasonCode.WRONG_AREA: "meant for another market area",
    ReasonCode.UNKNOWN_MEMBER: "the author, or somebody whom the command names, is not registered",
    ReasonCode.BAD_SIGNATURE: "the signature is not the author's signature of this command",
    ReasonCode.FORBIDDEN: "not this author's to do: another role's command, or somebody else's order or item",
    ReasonCode.DUPLICATE: "known already: sent before, and nothing has changed by sending it again",
    ReasonCode.CONFLICT: "known already, with another content (a reading, an interval, an actor); or at odds with itself",
    ReasonCode.OUTDATED: "a reading older than the one that counts",
    ReasonCode.EARLY: "before its time: a reading of an interval that has not ended, a network check before gate closure",
    ReasonCode.LATE: "after its time: an order after gate closure, a reading after the window for corrections",
    ReasonCode.LIMIT: "beyond a limit of the area or of this member: energy, price, number of messages, size of a message",
    ReasonCode.PRICE: "the item costs more than the order pays, or pays less than it asks, charges included",
    ReasonCode.STATE: "the state of the order, item or interval does not allow it",
    ReasonCode.UNKNOWN_INTERVAL: "the interval has not been opened, or does not begin on the area's grid of time",
    ReasonCode.UNKNOWN_ITEM: "no such item in the interval",
    ReasonCode.UNKNOWN_ORDER: "no such order in the interval",
    ReasonCode.UNKNOWN_TRADE: "no such trade in the interval",
}
"""What each code says to a person."""

GRID_REASONS = frozenset({ReasonCode.VOLTAGE_LOW, ReasonCode.VOLTAGE_HIGH, ReasonCode.OVERLOAD})
"""What the DSO may give as the reason of a reduction."""
