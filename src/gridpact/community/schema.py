"""The keys of the community file: types, ranges, defaults, units and meaning, in one place.

`docs/community-file.md` carries the same tables; a test holds the two equal.
"""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from gridpact.community.member import ROOFTOP_PV_CARBON

Fill: TypeAlias = Literal["none", "interpolate", "previous-day"]
Unit: TypeAlias = Literal["kW", "kWh", "W", "Wh", "pu"]

NotNegative: TypeAlias = Annotated[float, Meta(ge=0.0)]
Positive: TypeAlias = Annotated[float, Meta(gt=0.0)]
Share: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
Efficiency: TypeAlias = Annotated[float, Meta(ge=0.01, le=1.0)]
Celsius: TypeAlias = Annotated[float, Meta(ge=0.0, le=100.0)]
Seed: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]


def _key(meaning: str, *, unit: str = "", default: str = "") -> Meta:
    """What the docs say of a key; ``default`` replaces a bare value where the default follows from other keys."""
    return Meta(description=meaning, extra={"unit": unit, "default": default})


def _own(meaning: str, unit: str = "currency/kWh") -> Meta:
    return _key(meaning, unit=unit, default="by `[preferences]`")


class TimeTable(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """How times are read from a CSV or Parquet file, and what is done about gaps."""

    file: Annotated[str, _key("CSV or Parquet file, relative to the community file.")]
    time_column: Annotated[
        str | None,
        _key(
            "Column of the times at which intervals start.",
            default="Parquet: the time index; else a column named like a time, else the first",
        ),
    ] = None
    time_zone: Annotated[
        str | None,
        _key(
            "IANA zone of times written without one.",
            default="`UTC` if the time column's name ends in `_utc`, else the community's `time_zone`",
        ),
    ] = None
    time_format: Annotated[
        str | None, _key("Format of the times as in `strptime`, for instance `%d/%m/%Y %H:%M`.", default="ISO 8601")
    ] = None
    fill: Annotated[
        Fill,
        _key(
            "What to do about missing readings: refuse them, draw a straight line over them, "
            "or repeat the reading 24 hours earlier."
        ),
    ] = "none"
    align: Annotated[
        Literal["exact", "calendar"],
        _key(
            "`exact`: times are what they say. `calendar`: the file is a typical year, read at the same UTC date and time of "
            "another year (29 February reads 28 February where the file has none)."
        ),
    ] = "exact"
    factor: Annotated[
        float, _key("Multiplies every value; −1 turns a sign around, 0.001 makes MWh prices kWh prices.")
    ] = 1.0


class ProfileTable(TimeTable, frozen=True):
    """A file of profiles: a time column, and one column a member or an orientation."""

    unit: Annotated[
        Unit,
        _key(
            "What the values are: mean power, energy per interval, or per unit of the member's scale. "
            "In a reactive file kW reads kvar."
        ),
    ] = "kW"
    negative: Annotated[
        Literal["refuse", "clip"],
        _key("What to do about negative load or PV: refuse it, or set it to zero and say so."),
    ] = "refuse"


ProfileSource: TypeAlias = str | ProfileTable | list[ProfileTable]


class ProfilesTable(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Where measured behaviour comes from. Each key is a file name, a table as below, or a list of such tables."""

    load: Annotated[ProfileSource, _key("Consumption.")]
    pv: Annotated[ProfileSource | None, _key("Generation, positive.", default="nobody has PV")] = None
    reactive: Annotated[
        ProfileSource | None, _key("Reactive power drawn, inductive positive.", default="from `power_factor`")
    ] = None
    hot_water: Annotated[
        ProfileSource | None,
        _key(
            "Heat drawn from water heaters with the water, above the cold inlet.", default="nobody has a water heater"
        ),
    ] = None


class PriceTable(TimeTable, frozen=True):
    """A price that varies with time: ``column × factor + add``."""

    column: Annotated[str, _key("Column of the prices.")]
    add: Annotated[
        float, _key("Added to every price after the factor: taxes, levies, margin.", unit="currency/kWh")
    ] = 0.0


Price: TypeAlias = float | PriceTable


class TariffTable(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Prices around the market. A price is a number or a table as below."""

    import_price: Annotated[Price, _key("What the supplier takes.", unit="currency/kWh")]
    export_price: Annotated[Price, _key("What the supplier pays; not above the import price.", unit="currency/kWh")]
    imbalance_buy: Annotated[
        Price | None,
        _key(
            "What a member pays for energy it sold and did not deliver; not below the import price.",
            unit="currency/kWh",
            default="import price + `imbalance_buy_premium`",
        ),
    ] = None
    imbalance_buy_premium: Annotated[
        NotNegative, _key("Instead of `imbalance_buy`: how far it lies above the import price.", unit="currency/kWh")
    ] = 0.0
    imbalance_sell: Annotated[
        Price | None,
        _key(
            "What a member gets for energy it bought and did not take; not above the export price.",
            unit="currency/kWh",
            default="export price − `imbalance_sell_discount`",
        ),
    ] = None
    imbalance_sell_discount: Annotated[
        NotNegative, _key("Instead of `imbalance_sell`: how far it lies below the export price.", unit="currency/kWh")
    ] = 0.0
    loss_price: Annotated[
        Price | None,
        _key(
            "What the DSO pays the supplier for losses.",
            unit="currency/kWh",
            default="midway between import and export price",
        ),
    ] = None
    network_charge: Annotated[
        NotNegative | dict[str, NotNegative],
        _key(
            "To the DSO for every traded kWh: one number, or a table by zone of the member, where `default` holds for members "
            "without a zone.",
            unit="currency/kWh",
        ),
    ] = 0.0
    service_charge: Annotated[NotNegative, _key("To the exchange for every traded kWh.", unit="currency/kWh")] = 0.0
    payer: Annotated[Literal["buyer", "seller", "both"], _key("Who pays the two charges; `both`: half each.")] = "buyer"
    dead_band: Annotated[
        Share, _key("Part of the traded energy by which a member may deviate without penalty.", unit="share")
    ] = 0.0
    penalty: Annotated[NotNegative, _key("For each kWh of deviation beyond the dead band.", unit="currency/kWh")] = 0.0
    carbon_kg_per_kwh: Annotated[
        NotNegative | None,
        _key(
            "Carbon content of the supplier's energy over its life cycle; required as soon as a member has a `carbon_price`.",
            unit="kg CO2e/kWh",
            default="not known",
        ),
    ] = None


class GridTable(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The feeder and its limits."""

    feeder: Annotated[
        str, _key("Name of a built-in feeder, a file relative to the community file, or `simbench:CODE`.")
    ]
    slack_pu: Annotated[
        Annotated[float, Meta(ge=0.5, le=1.5)] | None,
        _key("Voltage of the source.", unit="p.u.", default="the feeder's own"),
    ] = None
    v_min_pu: Annotated[Positive | None, _key("Lowest permitted voltage.", unit="p.u.", default="the feeder's own")] = (
        None
    )
    v_max_pu: Annotated[
        Positive | None, _key("Highest permitted voltage.", unit="p.u.", default="the feeder's own")
    ] = None
    loading_limit: Annotated[
        Positive | None,
        _key("Permitted loading of lines and transformers; 1 is the rating.", unit="share", default="the feeder's own"),
    ] = None
    assign: Annotated[
        Literal["round-robin", "random", "given"],
        _key(
            "Where members without a bus go. `round-robin`: in order of ids over the feeder's load buses, again from the first "
            "when all are used. `random`: the same over a shuffled order. `given`: a missing bus is an error."
        ),
    ] = "round-robin"
    assign_seed: Annotated[Seed, _key("Seed of the shuffle of `random`.")] = 0
    power_factor: Annotated[
        Positive,
        Meta(le=1.0),
        _key("Of the load of members without a reactive column, lagging; PV and batteries run at 1."),
    ] = 0.95


class MemberRow(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A member: a line of the members' CSV, or a ``[[member]]`` table."""

    id: Annotated[str, Meta(min_length=1), _key("Unique name.")]
    bus: Annotated[str | None, _key("Bus of the feeder.", default="by `assign`")] = None
    phase: Annotated[Literal["abc", "a", "b", "c"], _key("`abc` for a balanced connection, or one phase.")] = "abc"
    load: Annotated[
        str | list[str] | None,
        _key(
            "Column or columns of the load profiles, added up: a home, its car, its heat pump. In CSV split by `;`.",
            default="the column named like `id`; none if `load_scale` is 0",
        ),
    ] = None
    load_scale: Annotated[
        NotNegative | list[NotNegative],
        _key("Multiplier of each load column, or one for all. With unit `pu`: kW at 1 p.u.", unit="1 or kW"),
    ] = 1.0
    reactive: Annotated[
        str | list[str] | None, _key("Column or columns of the reactive profiles.", default="from `power_factor`")
    ] = None
    reactive_scale: Annotated[
        float | list[float],
        _key("Multiplier of each reactive column, or one for all.", unit="1 or kvar"),
    ] = 1.0
    pv: Annotated[str | None, _key("Column of the PV profiles.", default="no PV")] = None
    pv_kwp: Annotated[
        NotNegative | None,
        _key(
            "Installed PV. Multiplies a column of unit `pu`; for information with any other unit.",
            unit="kWp",
            default="0",
        ),
    ] = None
    pv_scale: Annotated[NotNegative, _key("Multiplies the PV further.")] = 1.0
    battery_kwh: Annotated[NotNegative | None, _key("Capacity.", unit="kWh", default="no battery")] = None
    battery_kw: Annotated[
        NotNegative | None,
        _key("Power in both directions, at the meter's side.", unit="kW", default="none: to be given"),
    ] = None
    battery_charge_kw: Annotated[
        NotNegative | None, _key("Instead of `battery_kw`: charging.", unit="kW", default="`battery_kw`")
    ] = None
    battery_discharge_kw: Annotated[
        NotNegative | None, _key("Instead of `battery_kw`: discharging.", unit="kW", default="`battery_kw`")
    ] = None
    battery_efficiency: Annotated[
        Efficiency | None,
        _key("Round trip; each direction has its square root.", unit="share", default="from the two below"),
    ] = None
    charge_efficiency: Annotated[
        Efficiency | None, _key("Instead of `battery_efficiency`: charging.", unit="share", default="0.95")
    ] = None
    discharge_efficiency: Annotated[
        Efficiency | None, _key("Instead of `battery_efficiency`: discharging.", unit="share", default="0.95")
    ] = None
    min_soc: Annotated[Share, _key("Lowest state of charge.", unit="share of capacity")] = 0.1
    max_soc: Annotated[Share, _key("Highest state of charge.", unit="share of capacity")] = 0.9
    initial_soc: Annotated[
        Share | None,
        _key(
            "State of charge at the start.", unit="share of capacity", default="midway between `min_soc` and `max_soc`"
        ),
    ] = None
    standing_loss_per_hour: Annotated[Share, _key("Lost each hour.", unit="share of capacity")] = 0.0
    heater_kw: Annotated[
        NotNegative | None,
        _key(
            "Power of an electric water heater, ON or OFF; it comes on top of the load.",
            unit="kW",
            default="no water heater",
        ),
    ] = None
    heater_litres: Annotated[
        Annotated[float, Meta(ge=1.0)] | None, _key("Its tank.", unit="l", default="none: to be given")
    ] = None
    heater_min_c: Annotated[Celsius, _key("Below it OFF is too cold.", unit="°C")] = 50.0
    heater_max_c: Annotated[Celsius, _key("Above it ON is too hot.", unit="°C")] = 65.0
    hot_water: Annotated[
        str | list[str] | None,
        _key(
            "Column or columns of the draws of hot water. In CSV split by `;`.",
            default="the column named like `id`; none if `hot_water_scale` is 0",
        ),
    ] = None
    hot_water_scale: Annotated[
        NotNegative | list[NotNegative],
        _key("Multiplier of each of them, or one for all. With unit `pu`: kW at 1 p.u.", unit="1 or kW"),
    ] = 1.0
    wanted_share: Annotated[
        Share | None,
        _key(
            "Gain per kWh, as a share of the spread between import and export price, below which the member rather deals with "
            "its supplier.",
            unit="share of spread",
            default="by `[preferences]`",
        ),
    ] = None
    pv_premium: Annotated[
        float | None, _own("What a kWh from a seller with PV (`pv_kwp` above 0) is worth beyond one from just anybody.")
    ] = None
    neighbour_premium: Annotated[
        float | None, _own("The same for a seller at the same bus, or at a bus that one branch joins with it.")
    ] = None
    distance_aversion: Annotated[
        float | None, _own("How much less a kWh is worth from the longest electrical distance between two members.")
    ] = None
    carbon_price: Annotated[
        float | None,
        _own("What a kg of CO2 is worth that the seller's energy saves against the supplier's.", "currency/kg CO2e"),
    ] = None
    carbon_kg_per_kwh: Annotated[
        NotNegative,
        _key(
            "Carbon content of what the member sells, over the life cycle; the default is the median of rooftop PV.",
            unit="kg CO2e/kWh",
        ),
    ] = ROOFTOP_PV_CARBON
    zone: Annotated[str, _key("Network-charge zone.")] = ""


class MembersTable(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Members as a CSV file. Its columns are the keys of ``[[member]]``; an empty cell is a key not given."""

    file: Annotated[str, _key("CSV file, relative to the community file.")]


class Spread(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A number drawn for each member, in the order of ids."""

    distribution: Annotated[Literal["uniform"], _key("The one that is known.")]
    low: Annotated[Share, _key("Lowest.")]
    high: Annotated[Share, _key("Highest.")]
    seed: Annotated[Seed, _key("Seed of the draw.")] = 0


class PremiumSpread(Spread, frozen=True):
    """The same for a premium, which may be below zero."""

    low: Annotated[float, _key("Lowest.")]
    high: Annotated[float, _key("Highest.")]


Premium: TypeAlias = float | PremiumSpread


class PreferencesTable(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Preferences of members that state none of their own, and premiums stated pair by pair."""

    wanted_share: Annotated[
        Share | Spread, _key("One number for all, or a distribution as below.", unit="share of spread")
    ] = 0.0
    pv_premium: Annotated[Premium, _key("As in `[[member]]`: one number, or a distribution.", unit="currency/kWh")] = (
        0.0
    )
    neighbour_premium: Annotated[Premium, _key("The same.", unit="currency/kWh")] = 0.0
    distance_aversion: Annotated[Premium, _key("The same.", unit="currency/kWh")] = 0.0
    carbon_price: Annotated[Premium, _key("The same.", unit="currency/kg CO2e")] = 0.0
    premiums: Annotated[
        str | None,
        _key("CSV file of premiums pair by pair, relative to the community file.", default="no pair has its own"),
    ] = None


class PremiumRow(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A line of the CSV of premiums."""

    buyer: Annotated[str, _key("Id of the member that buys.")]
    seller: Annotated[str, _key("Id of the member that sells.")]
    premium: Annotated[
        float,
        _key("What a kWh from this seller is worth to this buyer beyond one from just anybody.", unit="currency/kWh"),
    ]


class MarketTable(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What a study runs when the command line does not say otherwise."""

    mechanisms: Annotated[list[str], _key("Registered names.", default="the study's default choice")] = []
    forecast: Annotated[
        Literal["perfect", "persistence", "noise"],
        _key("What members know at gate closure: the truth, the day before, or the truth with noise."),
    ] = "persistence"
    seed: Annotated[Seed, _key("Seed of everything random in a run.")] = 0
    gate_closure_minutes: Annotated[int, Meta(ge=0, le=43_200), _key("Gate closure before delivery.", unit="min")] = 60


class CommunityTable(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The whole file."""

    name: Annotated[str, Meta(min_length=1), _key("Name of the community, for tables and reports.")]
    currency: Annotated[str, Meta(min_length=1), _key("Name of the currency.")] = "EUR"
    time_zone: Annotated[str, _key("IANA zone of local time.")] = "UTC"
    start: Annotated[
        Any,
        _key("First interval: a date (local midnight), a local time, or a time with an offset; in whole minutes."),
    ]
    days: Annotated[
        int,
        Meta(ge=1, le=36_525),
        _key("Calendar days in `time_zone`; a day of a clock change has 23 or 25 hours.", unit="d"),
    ]
    step_minutes: Annotated[
        int, Meta(ge=1, le=1440), _key("Length of an interval; a whole number of them makes a day.", unit="min")
    ]
    profiles: Annotated[ProfilesTable, _key("See `[profiles]`.")]
    tariff: Annotated[TariffTable, _key("See `[tariff]`.")]
    grid: Annotated[GridTable, _key("See `[grid]`.")]
    members: Annotated[MembersTable | None, _key("See `[members]`.", default="`[[member]]` tables")] = None
    member: Annotated[
        list[MemberRow], _key("See `[[member]]`; instead of `[members]`.", default="the file of `[members]`")
    ] = []
    preferences: Annotated[
        PreferencesTable, _key("See `[preferences]`.", default="nobody wants a share or prefers a seller")
    ] = PreferencesTable()
    market: Annotated[MarketTable, _key("See `[market]`.", default="as there")] = MarketTable()
    mechanism: Annotated[
        dict[str, dict[str, Any]],
        _key('Options of a mechanism: a table `[mechanism."family:variant"]` each.', default="each mechanism's own"),
    ] = {}
