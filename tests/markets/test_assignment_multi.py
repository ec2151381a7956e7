"""Multi contracts: the flow, Owen's set and the extremes of it, limits and their rents."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridpact.errors import InputError
from gridpact.markets.assignment import (
    CorePoint,
    Flow,
    Links,
    Payoffs,
    clear_multi,
    clear_single,
    core_extremes,
    core_payoffs,
    core_violation,
)
from markets.assignment_reference import extremes, flow_value, markets

TWO_BY_TWO = Links.dense([[9, 7], [6, 5]], demand=[2, 4], supply=[3, 2])


def assert_flow(flow: Flow, links: Links) -> None:
    """Within demand, supply and limits, worth what it says, and proved optimal by its own payoffs."""
    u, w = flow.payoffs
    assert (flow.energy >= 0).all()
    assert (flow.energy <= links.bound).all()
    assert (np.bincount(links.buyer, flow.energy, len(u)) <= links.demand).all()
    assert (np.bincount(links.seller, flow.energy, len(w)) <= links.supply).all()
    assert flow.total == flow.energy @ np.maximum(links.gain, 0)
    assert core_violation(flow, flow.payoffs) == 0


def test_a_market_of_two_by_two() -> None:
    """Demand 6 exceeds supply 5; buyer 1 lacks 1 kWh, so it gains nothing, and sellers get what it would pay: 6 and 5.

    Buyer 0 keeps 9 − 6 = 3 of seller 0; from seller 1 it would keep 7 − 5 = 2.
    """
    flow = clear_multi(TWO_BY_TWO)
    assert flow.energy.tolist() == [2, 0, 1, 2]
    assert flow.total == 34
    for point in CorePoint:
        buyer, seller = core_payoffs(flow, point)
        assert (buyer.tolist(), seller.tolist()) == ([3, 0], [6, 5])
    payoffs = flow.member_payoffs(core_payoffs(flow))
    assert (payoffs.buyer.tolist(), payoffs.seller.tolist()) == ([6, 0], [18, 10])


def test_a_full_link_earns_a_rent_that_its_ends_share() -> None:
    """Buyer 0 may take 1 kWh of seller 0, where it would gain 9; the rest it takes of seller 1.

    Buyer 1 still lacks 1 kWh, and the sellers get 6 and 5. Buyer 0 keeps 7 − 5 = 2 at its marginal kWh, so the full link is
    worth 9 − 2 − 6 = 1 more.
    """
    limited = Links.dense([[9, 7], [6, 5]], [2, 4], [3, 2], limit=[[1, np.inf], [np.inf, np.inf]])
    flow = clear_multi(limited)
    assert flow.energy.tolist() == [1, 1, 2, 1]
    assert flow.total == 9 + 7 + 12 + 5
    payoffs = core_payoffs(flow)
    assert (payoffs.buyer.tolist(), payoffs.seller.tolist()) == ([2, 0], [6, 5])
    assert flow.rents(payoffs).tolist() == [1, 0, 0, 0]
    money = flow.member_payoffs(payoffs)
    assert (money.buyer.tolist(), money.seller.tolist()) == ([4.5, 0], [18.5, 10])


@settings(max_examples=150)
@given(links=st.one_of(markets(), markets(limited=True)))
def test_no_flow_is_worth_more(links: Links) -> None:
    flow = clear_multi(links)
    assert_flow(flow, links)
    assert (flow.energy == np.rint(flow.energy)).all()
    assert flow.total == pytest.approx(flow_value(links), abs=1e-8)


@settings(max_examples=80)
@given(links=st.one_of(markets(4), markets(4, limited=True)))
def test_the_extremes_are_those_of_the_linear_programs(links: Links) -> None:
    for mine, theirs in zip(core_extremes(clear_multi(links)), extremes(links), strict=True):
        for side, reference in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(reference, np.rint(reference), atol=1e-8)
            np.testing.assert_array_equal(side, np.rint(reference))


@given(links=st.one_of(markets(), markets(limited=True)))
def test_every_point_is_in_the_core_and_shares_out_all(links: Links) -> None:
    flow = clear_multi(links)
    for point in CorePoint:
        payoffs = core_payoffs(flow, point)
        assert core_violation(flow, payoffs) <= (
            0 if point in {"midpoint", "buyer-optimal", "seller-optimal"} else 1e-9
        )
        assert sum(side.sum() for side in flow.member_payoffs(payoffs)) == pytest.approx(flow.total, abs=1e-8)


@given(links=markets(6))
def test_one_contract_a_member_is_worth_no_more_than_many(links: Links) -> None:
    value = np.zeros((len(links.demand), len(links.supply)))
    value[links.buyer, links.seller] = links.gain * links.capacity
    assert clear_single(value).total <= clear_multi(links).total


@settings(max_examples=60)
@given(links=st.one_of(markets(), markets(limited=True)), seed=st.integers(0, 2**32))
def test_the_order_of_links_and_members_decides_no_payoff(links: Links, seed: int) -> None:
    rng = np.random.default_rng(seed)
    to_buyer, to_seller = rng.permutation(len(links.demand)), rng.permutation(len(links.supply))
    row = rng.permutation(len(links.gain))
    other = Links(
        to_buyer[links.buyer][row],
        to_seller[links.seller][row],
        links.gain[row],
        links.demand[np.argsort(to_buyer)],
        links.supply[np.argsort(to_seller)],
        links.bound[row],
    )
    here, there = clear_multi(links), clear_multi(other)
    assert here.total == there.total
    for point in CorePoint:
        mine, theirs = core_payoffs(here, point), core_payoffs(there, point)
        np.testing.assert_allclose(mine.buyer, theirs.buyer[to_buyer], atol=1e-9)
        np.testing.assert_allclose(mine.seller, theirs.seller[to_seller], atol=1e-9)


@settings(max_examples=60)
@given(links=markets(4), data=st.data())
def test_equal_members_get_equal_prices(links: Links, data: st.DataObject) -> None:
    twin = data.draw(st.integers(0, len(links.demand) - 1))
    rows = np.flatnonzero(links.buyer == twin)
    doubled = Links(
        np.r_[links.buyer, np.full(len(rows), len(links.demand))],
        np.r_[links.seller, links.seller[rows]],
        np.r_[links.gain, links.gain[rows]],
        np.r_[links.demand, links.demand[twin]],
        links.supply,
    )
    flow = clear_multi(doubled)
    for point in CorePoint:
        buyer = core_payoffs(flow, point).buyer
        assert buyer[twin] == pytest.approx(buyer[-1], abs=1e-9)


@settings(max_examples=40)
@given(links=markets(3))
def test_replicas_of_one_kwh_with_single_contracts_are_the_same_market(links: Links) -> None:
    """All energies are whole kWh, so that splitting loses nothing."""
    gain = np.zeros((len(links.demand), len(links.supply)))
    gain[links.buyer, links.seller] = links.gain
    wanted, offered = links.demand.astype(int), links.supply.astype(int)
    flow = clear_multi(links)
    replicas = clear_single(np.repeat(np.repeat(gain, wanted, axis=0), offered, axis=1))
    assert replicas.total == flow.total
    for mine, theirs in zip(core_extremes(flow), core_extremes(replicas), strict=True):
        np.testing.assert_array_equal(np.repeat(mine.buyer, wanted), theirs.buyer)
        np.testing.assert_array_equal(np.repeat(mine.seller, offered), theirs.seller)


def test_finer_replicas_come_closer_to_many_contracts() -> None:
    """Energies that no replica size divides: what is left over of each member is less than one replica."""
    rng = np.random.default_rng(3)
    gain, demand, supply = rng.uniform(1, 9, (4, 5)), rng.uniform(1, 4, 4), rng.uniform(1, 4, 5)
    total = clear_multi(Links.dense(gain, demand, supply)).total
    lost = []
    for size in (1.0, 0.25, 0.05):
        wanted, offered = (np.floor(side / size).astype(int) for side in (demand, supply))
        replicas = clear_single(np.repeat(np.repeat(gain, wanted, axis=0), offered, axis=1) * size)
        lost.append(total - replicas.total)
        assert 0 <= lost[-1] <= 9 * size * 9
    assert lost == sorted(lost, reverse=True)


@pytest.mark.parametrize("kind", ["equal", "separable", "random"])
@pytest.mark.parametrize("energies", ["unit", "equal sums", "any"])
def test_larger_markets_end_and_are_optimal(kind: str, energies: str) -> None:
    """All gains equal, and sums of demand and supply that are equal in many parts: as degenerate as it gets."""
    rng, n = np.random.default_rng(5), 80
    top, floor = rng.integers(100, 200, (n, 1)), rng.integers(0, 100, n)
    gain = {
        "equal": np.full((n, n), 7),
        "separable": top - floor,
        "random": top - floor + rng.integers(-50, 50, (n, n)),
    }[kind]
    demand = {"unit": np.ones(n), "equal sums": rng.permutation(n), "any": rng.integers(1, 3_000, n)}[energies]
    links = Links.dense(gain, demand, rng.permutation(demand))
    flow = clear_multi(links)
    assert_flow(flow, links)
    for payoffs in core_extremes(flow):
        assert core_violation(flow, payoffs) == 0


def test_energies_that_are_no_whole_numbers_leave_no_residue_that_sets_a_price() -> None:
    """0.1 + 0.2 exceeds 0.3 by one bit: the sellers are not short of buyers, so prices may lie anywhere between."""
    flow = clear_multi(Links.dense([[5, 5]], demand=[0.3], supply=[0.1, 0.2]))
    buyers, sellers = core_extremes(flow)
    assert (buyers.buyer.tolist(), buyers.seller.tolist()) == ([5], [0, 0])
    assert (sellers.buyer.tolist(), sellers.seller.tolist()) == ([0], [5, 5])


def test_whole_energies_have_no_residue_however_different_they_are() -> None:
    """Demand meets supply to the last unit, so that the smallest seller, too, may get all or nothing."""
    flow = clear_multi(Links.dense([[5, 5]], demand=[2.0**45], supply=[2.0**45 - 1, 1]))
    buyers, sellers = core_extremes(flow)
    assert (buyers.seller.tolist(), sellers.seller.tolist()) == ([0, 0], [5, 5])


def test_members_without_energy_and_links_without_gain_take_no_part() -> None:
    links = Links([0, 0, 1, 0], [0, 1, 0, 2], [4.0, 9.0, 9.0, -np.inf], demand=[2, 0], supply=[1, 0, 3])
    flow = clear_multi(links)
    assert flow.energy.tolist() == [1, 0, 0, 0]
    payoffs = core_payoffs(flow)
    assert (payoffs.buyer.tolist(), payoffs.seller.tolist()) == ([0, 0], [4, 0, 0])
    assert core_violation(flow, payoffs) == 0


@pytest.mark.parametrize(("buyers", "sellers"), [(0, 0), (0, 2), (2, 0)])
def test_a_market_with_an_empty_side_has_no_flow(buyers: int, sellers: int) -> None:
    flow = clear_multi(Links.dense(np.zeros((buyers, sellers)), np.ones(buyers), np.ones(sellers)))
    assert (flow.total, len(flow.energy)) == (0, 0)
    for point in CorePoint:
        assert [side.tolist() for side in core_payoffs(flow, point)] == [[0] * buyers, [0] * sellers]


def test_a_limit_that_the_ends_keep_anyway_is_none() -> None:
    limited = Links.dense([[9, 7], [6, 5]], [2, 4], [3, 2], limit=np.full((2, 2), 3))
    assert np.isinf(limited.bound).tolist() == [True, True, True, True]
    assert clear_multi(limited).energy.tolist() == clear_multi(TWO_BY_TWO).energy.tolist()


def test_a_limit_of_nothing_closes_a_link() -> None:
    closed = clear_multi(Links.dense([[9, 7], [6, 5]], [2, 4], [3, 2], limit=[[0, 9], [9, 9]]))
    without = clear_multi(Links.dense([[0, 7], [6, 5]], [2, 4], [3, 2]))
    assert closed.total == without.total
    for point in CorePoint:
        mine, theirs = core_payoffs(closed, point), core_payoffs(without, point)
        assert [side.tolist() for side in mine] == [side.tolist() for side in theirs]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gain": [1.0, np.nan]}, "links: row 1: gain is nan"),
        ({"gain": [np.inf, 1.0]}, "links: row 0: gain is inf"),
        ({"gain": [1.0]}, r"gain of shape \(1,\)"),
        ({"demand": [2.0, -1.0]}, "links: row 1: demand is -1.0"),
        ({"supply": [np.nan]}, "links: row 0: supply is nan"),
        ({"limit": [1.0, -2.0]}, "links: row 1: limit is -2.0"),
        ({"buyer": [0, 2]}, "links: row 1: buyer is 2"),
        ({"buyer": [0.0, 1.0]}, "buyer is float64"),
        ({"seller": [0, -1]}, "links: row 1: seller is -1"),
    ],
)
def test_what_makes_no_market_is_refused_by_its_row(change: dict[str, list[float]], message: str) -> None:
    market = {"buyer": [0, 1], "seller": [0, 0], "gain": [1.0, 2.0], "demand": [1.0, 1.0], "supply": [3.0]}
    with pytest.raises(InputError, match=message):
        Links(**{**market, **change})


@pytest.mark.parametrize(("name", "shape"), [("gain", (1, 2)), ("limit", (2, 2))])
def test_matrices_of_another_shape_are_refused(name: str, shape: tuple[int, int]) -> None:
    matrices = {"gain": np.ones((2, 1)), "limit": np.ones((2, 1)), name: np.ones(shape)}
    with pytest.raises(InputError, match=f"{name} of shape"):
        Links.dense(demand=[1, 1], supply=[1], **matrices)


@pytest.mark.parametrize(
    ("payoffs", "expected"),
    [
        (Payoffs([3, 0], [6, 5]), 0.0),
        (Payoffs([3, 1], [6, 5]), 4 / 34),  # 4 kWh at 1 too much shared out
        (Payoffs([0, 0], [6, 5]), 6 / 34),  # 2 kWh at 3 not shared out; the link 0-1 would gain 2 · 2
        (Payoffs([3, 0], [6, 3]), 4 / 34),  # the same, and link 0-1, unused, would gain 1 · 2
        (Payoffs([3, -1], [7, 5.5]), 4 / 34),
    ],
)
def test_the_distance_from_the_core_is_the_worst_constraint(payoffs: Payoffs, expected: float) -> None:
    found = core_violation(clear_multi(TWO_BY_TWO), Payoffs(*(np.array(side, dtype=float) for side in payoffs)))
    assert found == expected
