"""What the ledger of a market area says: the kinds of its entries, who may make them, and the layout of each.

Entries are the events of the exchange in columns: one entry an interval (or gate) and kind, named like the event, with the
event's field names. Members are positions in the list of the area's opening, parties beside them a `gridpact.markets.Party`.
An interval is the start of delivery in milliseconds since 1970 UTC. All numbers are integers, apart from the opening's feeder
and dead band and the values of certificates.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from gridpact.exchange.values import LARGEST, NetWh, Price, RestWh
from gridpact.ledger import Json, encode_rows

EXCHANGE, DSO, SUPPLIER, HEAD_METER = "exchange", "dso", "supplier", "meter"
"""Names in the directory of keys; members and their meters follow by `member_key` and `meter_key`."""

Whole: TypeAlias = Annotated[int, Meta(ge=-LARGEST, le=LARGEST)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=LARGEST)]
Moment: TypeAlias = Annotated[int, Meta(ge=0, le=10**14)]
"""Milliseconds since 1970, to the year 5138."""
Periods: TypeAlias = Annotated[int, Meta(ge=1, le=10**7)]


def member_key(member: str) -> str:
    """Whose name a member's key is filed under."""
    return f"member/{member}"


def meter_key(member: str) -> str:
    """Whose name the key of a member's meter is filed under."""
    return f"meter/{member}"


class Body(Struct, frozen=True, forbid_unknown_fields=True):
    """The public part of an entry."""


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """The sealed part of an entry: columns of equal length, a commitment a row."""


class TariffTerms(Body, frozen=True):
    """A `gridpact.community.Tariff`; a column that is the same in all intervals is one number."""

    import_price: Price | list[Price]
    export_price: Price | list[Price]
    imbalance_buy: Price | list[Price]
    imbalance_sell: Price | list[Price]
    loss_price: Price | list[Price]
    network_charge: dict[str, Price]
    service_charge: Price
    payer: str
    dead_band: float
    penalty: Price


class AreaBody(Body, frozen=True):
    """``area_opened``: what holds for all that follows.

    Attributes
    ----------
    mechanism, options
        Registered name, and what it is built with.
    network
        How the network is kept: ``none``, a `gridpact.exchange.acceptance.Policy`, or what else a study offers.
    currency, start, step_ms, periods
        The unit of money and the intervals.
    members
        Ids in order.
    tariff
        Prices and charges.
    """

    mechanism: str
    options: dict[str, Any]
    network: str
    currency: str
    start: Moment
    step_ms: Annotated[int, Meta(ge=1, le=10**10)]
    periods: Periods
    members: list[str]
    tariff: TariffTerms


class MembersTable(Table, frozen=True):
    """Where members are: bus, phase, zone; and their charges, as in `gridpact.community.TradeCharges`."""

    bus: list[str]
    phase: list[str]
    zone: list[str]
    network_buy: list[Price]
    network_sell: list[Price]
    service_buy: list[Price]
    service_sell: list[Price]


class FeederTable(Table, frozen=True):
    """One row: the feeder, in the layout of a feeder file."""

    feeder: list[dict[str, Any]]


class GateBody(Body, frozen=True):
    """``orders_placed`` and ``statements_made``: by the members, for so many intervals from the first."""

    interval: Moment
    intervals: Periods


class OrdersTable(Table, frozen=True):
    """A row a member: its orders, as in `gridpact.markets.Book`, the interval counted from the gate's first; its signature."""

    member: list[Count]
    interval: list[list[Count]]
    is_buy: list[list[Count]]
    energy_wh: list[list[RestWh]]
    price: list[list[Price]]
    signature: list[str]


class Owners(Table, frozen=True):
    """What ``statements_made`` has beside the mechanism's own columns, a row a member."""

    member: list[Count]
    signature: list[str]


class Totals(Body, frozen=True):
    """What everybody may know of the trades of each interval of a gate.

    Attributes
    ----------
    energy_wh, paid
        Sums over the trades.
    price_low, price_high
        Range of their prices; None without trades.
    """

    energy_wh: list[Count]
    paid: list[Whole]
    price_low: list[Whole | None]
    price_high: list[Whole | None]


class CheckClaim(Body, frozen=True):
    """One check of a certificate as claimed; None for a value that is no number, or a tolerance where nothing is claimed."""

    name: str
    value: float | None
    tolerance: float | None


class ClearingBody(Body, frozen=True):
    """``gate_closed`` (a book is matched), ``agreement_recorded`` (no orders), ``pool_shared`` (after metering).

    ``seed``, of a matched book only, broke its ties: 64 bits, hexadecimal.
    """

    interval: Moment
    intervals: Periods
    totals: Totals
    seed: str = ""
    certificate: list[CheckClaim] = []


class TradesTable(Table, frozen=True):
    """As `gridpact.markets.Trades`, intervals counted from the gate's first."""

    seller: list[Count]
    buyer: list[Count]
    interval: list[Count]
    energy_wh: list[RestWh]
    price: list[Price]
    leg: list[Whole]


class TransfersTable(Table, frozen=True):
    """As `gridpact.markets.Transfers`, intervals counted from the gate's first."""

    payer: list[Whole]
    payee: list[Whole]
    interval: list[Count]
    amount: list[Count]
    reason: list[Count]


class AcceptedBody(Body, frozen=True):
    """``interval_accepted``: what of the trades the DSO lets stand, and the energy that it took.

    Its tables ``trades`` and ``transfers`` are what stands; where something gave way, ``orders`` and ``uses`` are what the DSO
    decided on.
    """

    interval: Moment
    cut_wh: Count


class CaseOrdersTable(Table, frozen=True):
    """A row a trade, as in `gridpact.exchange.acceptance.Orders`, and what is left of it."""

    seller: list[Count]
    buyer: list[Count]
    energy_wh: list[RestWh]
    placed: list[Whole]
    worth: list[Price]
    cost: list[Price]
    left_wh: list[RestWh]


class UsesTable(Table, frozen=True):
    """A row a member, as in `gridpact.exchange.acceptance.Uses`; its forecast reactive power, and its accepted net demand."""

    reference_wh: list[NetWh]
    planned_wh: list[NetWh]
    spare_injection_wh: list[RestWh]
    spare_withdrawal_wh: list[RestWh]
    q_kvar: list[float]
    net_wh: list[Whole]


class ReadingsBody(Body, frozen=True):
    """``readings_taken``: the sum of the meters, and the head's reading with the signature of its meter."""

    interval: Moment
    sum_wh: Whole
    head_wh: NetWh
    signature: str


class ReadingsTable(Table, frozen=True):
    """A row a member: active and reactive energy, + = consumption and inductive, with its meter's signature."""

    member: list[Count]
    energy_wh: list[NetWh]
    reactive_varh: list[NetWh]
    signature: list[str]


class NetworkBody(Body, frozen=True):
    """``network_reported``: the DSO's AC power flow of what was metered.

    Attributes
    ----------
    v_min, v_max
        Voltages of all buses but the source, micro-p.u.
    loading
        Highest of all branches, parts per million of its rating.
    losses_wh
        Of the feeder.
    """

    interval: Moment
    v_min: Whole
    v_max: Whole
    loading: Whole
    losses_wh: Whole


class SettlementBody(Body, frozen=True):
    """``interval_settled``: what all members, supplier, DSO and exchange pay, micro-units; energy bought for losses."""

    interval: Moment
    members: Whole
    supplier: Whole
    dso: Whole
    exchange: Whole
    loss_wh: Whole


class BillsTable(Table, frozen=True):
    """A row a member: energies as in `gridpact.exchange.Energies`, what it pays by cause, and in all."""

    member: list[Count]
    metered: list[Whole]
    bought: list[Whole]
    sold: list[Whole]
    short: list[Whole]
    unused: list[Whole]
    trades: list[Whole]
    retail: list[Whole]
    imbalance: list[Whole]
    network: list[Whole]
    service: list[Whole]
    penalty: list[Whole]
    transfers: list[Whole]
    total: list[Whole]


STATEMENTS = "statements"
"""Table of ``statements_made``: a row a member with its position, the mechanism's own columns, and its signature."""

AUTHORS: Mapping[str, str] = {
    "area_opened": EXCHANGE,
    "orders_placed": EXCHANGE,
    "statements_made": EXCHANGE,
    "gate_closed": EXCHANGE,
    "agreement_recorded": EXCHANGE,
    "interval_accepted": DSO,
    "readings_taken": EXCHANGE,
    "network_reported": DSO,
    "pool_shared": EXCHANGE,
    "interval_settled": EXCHANGE,
}
"""The kinds of entries, and who may make them."""


def messages(
    kind: str, columns: Mapping[str, Sequence[Json]], log: str, interval: int, *, without: str = "signature"
) -> list[bytes]:
    """What the authors of the rows sign: kind, log, interval and the row itself.

    Parameters
    ----------
    kind
        Of the entry that holds the table.
    columns
        The table.
    log, interval
        Bind the signature to this log and this interval, so that it is worth nothing elsewhere.
    without
        The column that is not signed: the signature.
    """
    signed = {name: column for name, column in columns.items() if name != without}
    prefix = f"gridpact/v1/{kind}\n".encode()
    return [prefix + row for row in encode_rows(signed, {"for_interval": interval, "log": log})]


T = TypeVar("T", bound=Struct)


def read_as(kind: type[T], value: Any, blame: Callable[[str], Exception]) -> T:
    """Read a body or a table; what is wrong with it is raised as `blame` says."""
    try:
        found = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise blame(str(error)) from None
    if issubclass(kind, Table):
        lengths = {len(getattr(found, name)) for name in kind.__struct_fields__}
        if len(lengths) > 1:
            raise blame(f"columns of lengths {sorted(lengths)}")
    return found
