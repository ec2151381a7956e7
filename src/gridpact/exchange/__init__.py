"""The life of an order, from listing to final bill, as plain deterministic code: commands in, events out.

No network, no clock, no database is known here. Whoever runs an exchange (a study, a service, an auditor) brings commands with
the time of their receipt and keeps the events; many market areas may live in one process.

::

    command ──▶ decide(state, command, at, verify) ──▶ events ──▶ apply(state, event) ──▶ state
                        │                                 └─ kept in a journal: replay gives the same state, bit for bit
                        └─ changes nothing; a refusal is an event too, with a reason code and the field that is to blame

- `commands`: what may be asked, and by whom; a signed `Command` with one of 14 bodies. `decode` reads one from bytes.
- `events`: what has happened. `State` is a fold over them.
- `moves`: the state machines of items, orders, positions and intervals, as tables.
- `rules`: an area's clock, charges and bounds.
- `settle`: who pays whom after delivery, on arrays; studies call it directly, the exchange for every interval that is due.

An interval goes through its phases: ``OPEN`` until the gate closes, ``CLEARED`` until the DSO has checked the network,
``ACCEPTED`` until the end of delivery, ``DELIVERED`` until settlement, ``SETTLED`` until the window for corrections is over;
then it is final and leaves the state. See ``docs/exchange.md``.
"""

from gridpact.exchange.codec import decode, encode
from gridpact.exchange.commands import (
    AnyBody,
    CancelOrder,
    Command,
    ListItem,
    ModifyOrder,
    OpenInterval,
    PlaceOrder,
    RecordAgreement,
    Register,
    RejectTrades,
    ReportNetwork,
    ReportReading,
    SetBounds,
    SignAgreement,
    TakeItem,
    Tick,
    WithdrawItem,
)
from gridpact.exchange.deciding import Verifier, decide
from gridpact.exchange.events import (
    AgreementRecorded,
    AgreementSigned,
    AnyEvent,
    AreaOpened,
    Basis,
    BoundsSet,
    CreditRefused,
    GateClosed,
    IntervalAccepted,
    IntervalClosed,
    IntervalDelivered,
    IntervalOpened,
    IntervalSettled,
    ItemExpired,
    ItemListed,
    ItemWithdrawn,
    LimitSet,
    MetersDisagree,
    OrderCancelled,
    OrderModified,
    OrderPlaced,
    OrdersNetted,
    OrderUnmatched,
    ReadingEstimated,
    ReadingTaken,
    Refused,
    Registered,
    RetailReduced,
    TradeReduced,
    TradeStruck,
    TransferMade,
)
from gridpact.exchange.fold import apply, replay
from gridpact.exchange.journal import Exchange, Step, open_area, read_steps, write_steps
from gridpact.exchange.moves import IllegalMoveError, ItemState, OrderState, Phase, PositionState
from gridpact.exchange.reasons import ReasonCode
from gridpact.exchange.rules import Rules
from gridpact.exchange.settlement import Energies, Settlement, settle
from gridpact.exchange.snapshot import SnapshotError, freeze, thaw
from gridpact.exchange.state import State
from gridpact.exchange.values import (
    Actor,
    Bounds,
    Claim,
    MemberLimit,
    Prices,
    Reduction,
    RetailCut,
    Role,
    TradeTerms,
    TransferTerms,
    Use,
    Violation,
)

__all__ = [
    "Actor",
    "AgreementRecorded",
    "AgreementSigned",
    "AnyBody",
    "AnyEvent",
    "AreaOpened",
    "Basis",
    "Bounds",
    "BoundsSet",
    "CancelOrder",
    "Claim",
    "Command",
    "CreditRefused",
    "Energies",
    "Exchange",
    "GateClosed",
    "IllegalMoveError",
    "IntervalAccepted",
    "IntervalClosed",
    "IntervalDelivered",
    "IntervalOpened",
    "IntervalSettled",
    "ItemExpired",
    "ItemListed",
    "ItemState",
    "ItemWithdrawn",
    "LimitSet",
    "ListItem",
    "MemberLimit",
    "MetersDisagree",
    "ModifyOrder",
    "OpenInterval",
    "OrderCancelled",
    "OrderModified",
    "OrderPlaced",
    "OrderState",
    "OrderUnmatched",
    "OrdersNetted",
    "Phase",
    "PlaceOrder",
    "PositionState",
    "Prices",
    "ReadingEstimated",
    "ReadingTaken",
    "ReasonCode",
    "RecordAgreement",
    "Reduction",
    "Refused",
    "Register",
    "Registered",
    "RejectTrades",
    "ReportNetwork",
    "ReportReading",
    "RetailCut",
    "RetailReduced",
    "Role",
    "Rules",
    "SetBounds",
    "Settlement",
    "SignAgreement",
    "SnapshotError",
    "State",
    "Step",
    "TakeItem",
    "Tick",
    "TradeReduced",
    "TradeStruck",
    "TradeTerms",
    "TransferMade",
    "TransferTerms",
    "Use",
    "Verifier",
    "Violation",
    "WithdrawItem",
    "apply",
    "decide",
    "decode",
    "encode",
    "freeze",
    "open_area",
    "read_steps",
    "replay",
    "settle",
    "thaw",
    "write_steps",
]
