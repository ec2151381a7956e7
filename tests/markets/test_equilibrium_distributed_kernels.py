"""The compiled programs inside a round, against dense programs of Clarabel that state them plainly."""

import clarabel
import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize_scalar

from gridpact.markets.equilibrium.distributed._hours import best_hour
from gridpact.markets.equilibrium.distributed._rounds import agreed
from gridpact.markets.equilibrium.distributed._rows import CHARGE, DISCHARGE, EXPORT, GENERATE, IMPORT, ROWS, SLOTS
from gridpact.markets.equilibrium.distributed._storage import best_day
from gridpact.markets.equilibrium.distributed._tree import permitted

HOURS = 12


def minimum(P, q, equations, right, G, g):
    """Minimiser of ½ xᵀPx + qᵀx with equations x = right, G x ≤ g."""
    options = clarabel.DefaultSettings()
    options.verbose = False
    options.tol_gap_abs = options.tol_gap_rel = options.tol_feas = 1e-12
    rows = sparse.csc_matrix(np.vstack([equations, G]))
    cones = [clarabel.ZeroConeT(len(right)), clarabel.NonnegativeConeT(len(g))]
    solver = clarabel.DefaultSolver(sparse.csc_matrix(np.triu(P)), q, rows, np.concatenate([right, g]), cones, options)
    solved = solver.solve()
    assert str(solved.status) == "Solved"
    return np.array(solved.x)


def member(rng, terminal):
    """A random member with everything, as keyword arguments of `best_day`."""
    low, high, slope = np.zeros((ROWS, HOURS)), np.zeros((ROWS, HOURS)), np.zeros((ROWS, HOURS))
    high[GENERATE], high[1] = rng.choice([0, 1.5]), rng.choice([0, 1]) * rng.uniform(0, 1, HOURS)
    high[CHARGE] = high[DISCHARGE] = 0.8
    high[IMPORT], high[EXPORT] = np.inf, rng.choice([0, 2.0])
    low[6], high[6] = 0.1, 0.95
    if terminal != "free":
        low[6, -1] = 0.5
    if terminal == "equal":
        high[6, -1] = 0.5
    slope[GENERATE], slope[IMPORT], slope[EXPORT] = 0.4 * rng.uniform(), 0.3, -0.1
    net = rng.normal(0.5, 1, HOURS)
    return {
        "net": net,
        "low": low,
        "high": high,
        "curve": np.array([0.05 * rng.uniform(), 0, 0.05, 0.05, 0, 0, 0]),
        "slope": slope,
        "kappa": rng.uniform(0.05, 0.3, HOURS),
        "rt": rng.uniform(0.01, 0.3, HOURS),
        "rb": rng.uniform(0.01, 0.3),
        "A": rng.normal(0, 1, HOURS),
        "a": rng.uniform(0, 0.2, HOURS),
        "e": net + rng.normal(0, 0.5, HOURS),
        "keep": 0.999,
        "lost": 0.002,
        "fill": 0.24,
        "drain": 0.27,
        "start": 0.5,
    }


def plainly(case):
    """The same program written out: all variables, all hours."""
    at = np.arange(ROWS * HOURS).reshape(ROWS, HOURS)
    P, q = np.zeros((at.size, at.size)), np.zeros(at.size)
    equations, right = np.zeros((HOURS, at.size)), np.full(HOURS, -case["lost"])
    for t in range(HOURS):
        draw, bought = np.zeros(at.size), np.zeros(at.size)
        draw[at[:4, t]], bought[at[4:6, t]] = (-1, 1, 1, -1), (1, -1)
        for row, weight, aim in (
            (draw, case["rb"], case["e"][t] - case["net"][t]),
            (draw - bought, case["rt"][t], case["A"][t] - case["net"][t]),
            (bought, case["kappa"][t], case["a"][t] / case["kappa"][t]),
        ):
            P += weight * np.outer(row, row)
            q -= weight * aim * row
        for k in range(6):
            P[at[k, t], at[k, t]] += case["curve"][k]
            q[at[k, t]] += case["slope"][k, t]
        equations[t, at[6, t]], equations[t, at[CHARGE, t]], equations[t, at[DISCHARGE, t]] = (
            1,
            -case["fill"],
            case["drain"],
        )
        if t:
            equations[t, at[6, t - 1]] = -case["keep"]
        else:
            right[t] += case["keep"] * case["start"]
    identity, low, high = np.eye(at.size), case["low"].ravel(), case["high"].ravel()
    bounded = np.isfinite(high)
    G, g = np.vstack([identity[bounded], -identity]), np.concatenate([high[bounded], -low])
    x = minimum(P, q, equations, right, G, g)
    return x.reshape(ROWS, HOURS), lambda u: 0.5 * u.ravel() @ P @ u.ravel() + q @ u.ravel()


@pytest.mark.parametrize("terminal", ["equal", "at least", "free"])
@pytest.mark.parametrize("seed", range(6))
def test_a_day_with_storage_is_that_of_the_dense_program_cold_and_warm(seed, terminal):
    case = member(np.random.default_rng(seed), terminal)
    kept, work = np.zeros((3, ROWS, HOURS)), np.zeros((SLOTS, ROWS, HOURS))
    for warm in (False, True, True):
        if warm:
            case["A"] = case["A"] + np.random.default_rng(seed + 99).normal(0, 0.2, HOURS)
        u = np.zeros((ROWS, HOURS))
        assert best_day(*case.values(), kept, warm, 8, u, work) > 0
        reference, cost = plainly(case)
        assert cost(u) == pytest.approx(cost(reference), abs=1e-9)
        assert (u[CHARGE] - u[DISCHARGE]) == pytest.approx(reference[CHARGE] - reference[DISCHARGE], abs=1e-6)
        assert u[6] == pytest.approx(reference[6], abs=1e-6)
        assert (u >= case["low"] - 1e-9).all()
        assert (u <= case["high"] + 1e-9).all()


@pytest.mark.parametrize("seed", range(40))
def test_an_hour_in_closed_form_costs_no_more_than_a_search_finds(seed):
    rng = np.random.default_rng(seed)
    net, A, at, e = rng.normal(size=4)
    curtail, generate, slope = rng.choice([0, 1.0]), rng.choice([0, 1.0]), rng.choice([0, 0.1])
    cost, (rt, kappa, rb) = rng.uniform(0, 0.3), rng.uniform(0.01, 0.3, 3)
    low, (price_im, price_ex) = rng.choice([0.0, -1, -np.inf]), rng.choice([0.0, 1.0]) * np.array([0.3, 0.1])
    n, m = best_hour(net, curtail, generate, slope, cost, A, rt, at, kappa, low, np.inf, price_im, price_ex, e, rb)

    def total(n, m):
        made = max(net - n, 0.0)
        trade = 0.5 * rt * (n - m - A) ** 2 + 0.5 * rb * (n - e) ** 2
        return (
            0.5 * slope * made**2 + cost * made + trade + 0.5 * kappa * m**2 - at * m + max(price_im * m, price_ex * m)
        )

    def of_draw(n):
        return minimize_scalar(
            lambda m: total(n, m), bounds=(max(low, -30), 30), method="bounded", options={"xatol": 1e-9}
        ).fun

    span = (net - generate, net + curtail)
    search = {"bounds": span, "method": "bounded", "options": {"xatol": 1e-9}}
    found = minimize_scalar(of_draw, **search).fun if curtail + generate else of_draw(net)
    assert span[0] - 1e-12 <= n <= span[1] + 1e-12
    assert m >= low
    assert total(n, m) <= found + 1e-8


def feeder(seed, buses=12):
    """A random tree with loads, on which some limits bind."""
    rng = np.random.default_rng(seed)
    parent = np.array([-1] + [rng.integers(max(0, bus - 3), bus) for bus in range(1, buses)])
    crowd = rng.integers(0, 3, buses)
    weight = np.divide(0.2, crowd, out=np.zeros(buses), where=crowd > 0)
    limits = {
        "v_low": np.full((1, buses), 9.0),
        "v_high": np.full((1, buses), 11.0),
        "flow": np.full((1, buses), np.inf),
    }
    limits["flow"][0, rng.integers(1, buses, 3)] = 4.0
    r = np.concatenate([[0], rng.uniform(0.005, 0.03, buses - 1)])
    gain = np.where(rng.uniform(size=buses) < 0.1, 1.02, 1.0)
    wanted = rng.normal(2, 2, (1, buses)) * (crowd > 0)
    return parent, weight, limits, r, gain, wanted, rng.uniform(0, 0.5, (1, buses)), rng.uniform(0, 0.02, (1, buses))


@pytest.mark.parametrize("seed", range(12))
def test_what_the_operator_permits_is_the_nearest_that_a_dense_program_finds(seed):
    parent, weight, limits, r, gain, wanted, passive, fall = feeder(seed)
    buses = len(parent)
    drawn = np.empty((1, buses))
    binding = permitted(
        wanted, weight, parent, r, gain, passive, fall, 10.0, limits["v_low"], limits["v_high"], limits["flow"], drawn
    )
    free = np.flatnonzero(weight)

    def state(s):
        flow, v = s + passive[0], np.full(buses, 10.0)
        for bus in range(buses - 1, 0, -1):
            flow[parent[bus]] += flow[bus]
        for bus in range(1, buses):
            v[bus] = gain[bus] * v[parent[bus]] - 2 * r[bus] * flow[bus] - fall[0, bus]
        return np.concatenate([flow[1:], v[1:]])

    base = state(np.zeros(buses))
    slope = np.array([state(np.eye(buses)[bus]) - base for bus in free]).T
    high = np.concatenate([limits["flow"][0, 1:], limits["v_high"][0, 1:]]) - base
    low = np.concatenate([-limits["flow"][0, 1:], limits["v_low"][0, 1:]]) - base
    G = np.vstack([slope[np.isfinite(high)], -slope[np.isfinite(low)]])
    g = np.concatenate([high[np.isfinite(high)], -low[np.isfinite(low)]])
    P = np.diag(weight[free])
    reference = minimum(P, -weight[free] * wanted[0, free], np.zeros((0, len(free))), np.zeros(0), G, g)
    assert drawn[0, free] == pytest.approx(reference, abs=1e-5)
    assert binding == (np.abs(reference - wanted[0, free]).max() > 1e-4)
    assert not drawn[0, weight == 0].any()


def test_the_operator_says_which_hour_has_no_solution():
    """Nobody is at the buses, and 1 kW of passive load is more than a line of 0.5 carries."""
    nothing, one = np.zeros((1, 2)), np.ones((1, 2))
    arrays = (
        np.array([-1, 0]),
        np.zeros(2),
        np.ones(2),
        one,
        nothing,
        1.0,
        nothing,
        2 * one,
        0.5 * one,
        nothing.copy(),
    )
    assert permitted(nothing, np.zeros(2), *arrays) == -1


@pytest.mark.parametrize("seed", range(20))
def test_what_two_agree_on_is_best_for_both_together(seed):
    rng = np.random.default_rng(seed)
    ours, theirs, lean = rng.normal(size=3)
    rho, tariff, cap = rng.uniform(0.1, 2), rng.uniform(0, 0.5), rng.uniform(0.1, 1)

    def both(z):
        return lean * z + 2 * tariff * abs(z) + 0.5 * rho * ((z - ours) ** 2 + (-z - theirs) ** 2)

    z = agreed(ours, theirs, rho, lean, tariff, cap)
    assert agreed(theirs, ours, rho, -lean, tariff, cap) == -z
    grid = np.linspace(-cap, cap, 20_001)
    assert abs(z) <= cap
    assert both(z) <= min(both(each) for each in grid) + 1e-12
