"""What a study returns: one `Run` a mechanism, side by side in a `Comparison`."""

from dataclasses import dataclass

from gridpact.community import Community
from gridpact.exchange.settlement import Settlement
from gridpact.grid.flow import Flow
from gridpact.markets import Certificate, Pact
from gridpact.units import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Delivery:
    """What happened behind and at the meters.

    Attributes
    ----------
    battery_kw
        Battery power, ``[member, interval]``, + = charging.
    soc_kwh
        State of charge at the end of each interval, ``[member, interval]``.
    net_wh
        Metered energy in integer Wh, ``[member, interval]``, + = consumption.
    """

    battery_kw: FloatArray
    soc_kwh: FloatArray
    net_wh: IntArray


@dataclass(frozen=True, eq=False)
class Baseline:
    """The community when nobody trades: the baseline of every saving and the grid's reference before any trade.

    Attributes
    ----------
    delivery
        Own batteries on self-consumption.
    flow
        AC power flow of it.
    bill
        What each member pays, everything being with the supplier, micro-units ``[member]``.
    """

    delivery: Delivery
    flow: Flow
    bill: IntArray


@dataclass(frozen=True, eq=False)
class MemberMetrics:
    """One number a member, ``[member]``; money in units of the currency, shares from 0 to 1 (NaN where undefined)."""

    bill: FloatArray
    saving: FloatArray
    self_sufficiency: FloatArray
    self_consumption: FloatArray
    reliability: FloatArray


@dataclass(frozen=True, slots=True)
class CommunityMetrics:
    """One number a run; formulas in ``docs/metrics.md``. Energies in kWh, power in kW, money in units of the currency."""

    total_bill: float
    total_saving: float
    equality: float
    traded_kwh: float
    mean_price: float
    import_kwh: float
    export_kwh: float
    peak_import_kw: float
    peak_export_kw: float
    self_sufficiency: float
    self_consumption: float
    losses_kwh: float
    imbalance_kwh: float
    welfare: float
    welfare_optimum: float
    voltage_violations: int
    overloads: int
    v_min_pu: float
    v_max_pu: float
    loading_max: float
    dso_balance: float
    exchange_balance: float
    energy_residual_wh: int
    money_residual: int


@dataclass(frozen=True, eq=False)
class Run:
    """One mechanism on one community, from forecast to bill.

    Attributes
    ----------
    mechanism
        Registered name.
    pact
        Everything agreed over the horizon.
    delivery
        What the batteries did and the meters showed.
    settlement
        The accounts.
    flow
        AC power flow of the delivery.
    certificate
        The mechanism's claims, the settlement's invariants and the grid's verdict.
    members, community
        Metrics.
    seconds, cpu_seconds
        Run time of the whole path.
    """

    mechanism: str
    pact: Pact
    delivery: Delivery
    settlement: Settlement
    flow: Flow
    certificate: Certificate
    members: MemberMetrics
    community: CommunityMetrics
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several mechanisms on the same community, seeds and grid.

    Attributes
    ----------
    community
        What they ran on.
    baseline
        The same community when nobody trades.
    runs
        In the order asked for.
    """

    community: Community
    baseline: Baseline
    runs: tuple[Run, ...]
