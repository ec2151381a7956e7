"""What a study returns: one `Run` a mechanism, side by side in a `Comparison`."""

from dataclasses import dataclass
from math import nan

from gridpact.community import Community
from gridpact.exchange.acceptance import Acceptance
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
    curtailed_kw
        PV held back, ``[member, interval]``; None: none.
    """

    battery_kw: FloatArray
    soc_kwh: FloatArray
    net_wh: IntArray
    curtailed_kw: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What the DSO decided on an interval of the horizon in which something gave way."""

    interval: int
    acceptance: Acceptance


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
    welfare_optimum
        Largest gain that trade could bring with batteries on self-consumption, in units of the currency.
    """

    delivery: Delivery
    flow: Flow
    bill: IntArray
    welfare_optimum: float


@dataclass(frozen=True, eq=False)
class MemberMetrics:
    """One number a member, ``[member]``; money in units of the currency, shares, NaN where undefined."""

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
    subsidy: float
    equality: float
    members_worse_off: int
    largest_loss: float
    traded_kwh: float
    mean_price: float
    import_kwh: float
    export_kwh: float
    stored_kwh: float
    curtailed_kwh: float
    cut_kwh: float
    peak_import_kw: float
    peak_export_kw: float
    self_sufficiency: float
    self_consumption: float
    losses_kwh: float
    imbalance_kwh: float
    preference_value: float
    welfare: float
    welfare_optimum: float
    voltage_violations: int
    overloads: int
    v_min_pu: float
    v_max_pu: float
    loading_max: float
    supplier_balance: float
    dso_balance: float
    exchange_balance: float
    energy_residual_wh: int
    money_residual: int

    @property
    def saved_share(self) -> float:
        """Saving as a share of the bill with the supplier alone; NaN unless that bill is positive."""
        alone = self.total_bill + self.total_saving
        return self.total_saving / alone if alone > 0 else nan

    @property
    def welfare_share(self) -> float:
        """Welfare as a share of the best possible; NaN where nothing can be gained."""
        return self.welfare / self.welfare_optimum if self.welfare_optimum > 0 else nan

    @property
    def violations(self) -> int:
        """Bus-intervals with a voltage out of band and branch-intervals over the limit."""
        return self.voltage_violations + self.overloads


@dataclass(frozen=True, eq=False)
class Run:
    """One mechanism on one community, from forecast to bill.

    Attributes
    ----------
    mechanism
        Registered name; with the network check behind it, where there is one.
    pact
        Everything agreed over the horizon, and accepted by the DSO where it decides.
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
    network
        How the network was kept: `gridpact.study.NETWORK_CHECKS`.
    decided
        Every interval in which the DSO made something give way.
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
    network: str = "none"
    decided: tuple[Decided, ...] = ()


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
