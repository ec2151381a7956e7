"""From an interval whose gate has closed to the DSO's command: physical uses, reductions, limits, and what comes of it."""

import msgspec
import numpy as np
import pytest

from exchange.village import GATE, NOON, RULES, Village
from gridpact.exchange import (
    IntervalAccepted,
    LimitSet,
    PlaceOrder,
    ReasonCode,
    Refused,
    RetailReduced,
    Rules,
    TradeReduced,
    Use,
)
from gridpact.exchange.acceptance import Forecast, Network, Policy, check_interval
from gridpact.exchange.acceptance.example import two_buses
from gridpact.exchange.rules import HOUR, MINUTE

HOURS = RULES.step_ms / HOUR
RATED_WH = 3_118
"""What the line of the example carries in half an hour: √3 · 400 V · 9 A · 0.5 h = 3118 Wh."""


@pytest.fixture(scope="module")
def network() -> Network:
    """The two buses of the example; the four members stand behind the line, apart from dan at the head."""
    pair, _ = two_buses(sold_wh=9_000)
    behind, head = pair.share[0], pair.share[1]
    return Network(pair.feeder, np.stack([behind, behind, behind, head]))


def matched(energy_wh: int, use: Use, rules: Rules = RULES) -> Village:
    """ann sells so much to dan, and the gate has closed."""
    village = Village(msgspec.structs.replace(rules, most_wh=100_000)).open()
    village.say("ann", PlaceOrder(NOON, is_buy=False, energy_wh=energy_wh, price=100_000, use=use))
    village.say("dan", PlaceOrder(NOON, is_buy=True, energy_wh=energy_wh, price=200_000))
    village.tick(GATE)
    return village


def check(village: Village, network: Network, net_wh: tuple[int, ...], policy: Policy = Policy.PRO_RATA) -> list:
    forecast = Forecast(np.array(net_wh), np.zeros(4))
    report = check_interval(network, village.state.intervals[NOON], forecast, policy, HOURS)
    return list(village.say("grid", report, GATE + 10 * MINUTE))


@pytest.mark.parametrize("policy", list(Policy))
def test_a_battery_that_discharges_beyond_the_line_is_cut_to_what_the_line_carries(
    network: Network, policy: Policy
) -> None:
    village = matched(5_000, Use.BATTERY)
    events = check(village, network, (0, 0, 0, 0), policy)
    [cut] = [event for event in events if isinstance(event, TradeReduced)]
    assert (cut.trade, cut.reason, cut.place) == (0, ReasonCode.OVERLOAD, "line")
    assert RATED_WH - 60 < cut.energy_wh < RATED_WH + 30
    assert cut.before > 1_000 >= cut.after
    [limit] = [event.limit for event in events if isinstance(event, LimitSet)]
    assert (limit.member, limit.export_wh, limit.import_wh) == ("ann", cut.energy_wh, None)
    accepted = events[-1]
    assert isinstance(accepted, IntervalAccepted)
    assert (accepted.policy, accepted.own) == (str(policy), ())
    assert accepted.losses_wh > 0


def test_a_trade_of_base_load_moves_no_electricity_and_stands(network: Network) -> None:
    village = matched(5_000, Use.BASE)
    events = check(village, network, (0, 0, 0, 0))
    assert [type(event) for event in events] == [IntervalAccepted]


def test_what_is_sold_to_the_supplier_gives_way_too_and_is_an_event_with_the_violation_before_and_after(
    network: Network,
) -> None:
    village = matched(100, Use.BATTERY)
    events = check(village, network, (0, -5_000, 0, 0))
    retail = [event.cut for event in events if isinstance(event, RetailReduced)]
    assert [(cut.member, cut.is_sale, cut.before_wh) for cut in retail] == [("bob", True, 5_000)]
    assert retail[0].after_wh < RATED_WH
    assert retail[0].before > 1_000 >= retail[0].after
    assert "bob" in {event.limit.member for event in events if isinstance(event, LimitSet)}
    assert events[-1].own[0].reason == ReasonCode.OVERLOAD


def test_without_a_power_flow_every_trade_is_rejected(network: Network) -> None:
    village = matched(5_000, Use.BATTERY)
    events = check(village, network, (10_000_000, 0, 0, 0))
    assert [(event.energy_wh, event.reason) for event in events if isinstance(event, TradeReduced)] == [
        (0, ReasonCode.NO_CONVERGENCE)
    ]


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"member": "eve"}, ReasonCode.UNKNOWN_MEMBER, "body.retail[0].member"),
        ({"reason": ReasonCode.CREDIT}, ReasonCode.FORBIDDEN, "body.retail[0].reason"),
        ({"after_wh": 9_000}, ReasonCode.LIMIT, "body.retail[0].after_wh"),
    ],
)
def test_cuts_of_retail_energy_that_make_no_sense_are_refused(
    network: Network, change: dict[str, object], reason: ReasonCode, field: str
) -> None:
    village = matched(100, Use.BATTERY)
    forecast = Forecast(np.array([0, -5_000, 0, 0]), np.zeros(4))
    report = check_interval(network, village.state.intervals[NOON], forecast, Policy.MERIT, HOURS)
    wrong = msgspec.structs.replace(report, retail=(msgspec.structs.replace(report.retail[0], **change),))
    [refused] = village.say("grid", wrong, GATE + 10 * MINUTE)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.field) == (reason, field)
