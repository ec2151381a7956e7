"""The operator's step: what buses may draw that is nearest to what their members want, O(buses) a Newton step.

``min Σ_y ½ w_y (s_y − wanted_y)²`` such that in the lossless linear model of a tree (``P_y = passive_y + s_y + Σ P_children``,
``v_y = gain_y v_parent − 2 r_y P_y − fall_y``) flows and squared voltages keep their limits. Interior point method; a Newton
step is a program of the same kind without limits. It is solved from the leaves to the root: seen from the parent, at a voltage
v and a price ℓ of power, the part of the tree behind a line is worth ``½ A v² + b v ℓ − ½ c ℓ² + d v − e ℓ``, and draws
``c ℓ + e − b v``.
"""

import numba
import numpy as np

jit = numba.njit(cache=True, error_model="numpy")

_MOST = 80
_BOLD = 30
_TINY = 1e-17
_A, _B, _C, _D, _E = range(5)


@jit
def permitted(  # type: ignore[no-untyped-def]
    wanted, weight, parent, r, gain, passive, fall, v_root, v_low, v_high, flow_max, drawn
):
    """Fill in what the buses draw, ``[hour, bus]``; return the hours in which limits bind, or −1 − the hour that failed.

    Hours in which all that is wanted is permitted cost a pass over the tree. A weight of 0 says that nobody is at a bus.
    """
    hours, buses = wanted.shape
    flow, v = np.empty(buses), np.empty(buses)
    binding = 0
    for t in range(hours):
        for y in range(buses):
            drawn[t, y] = wanted[t, y] if weight[y] > 0.0 else 0.0
        _state(drawn[t], parent, r, gain, passive[t], fall[t], v_root, flow, v)
        fits = True
        for y in range(1, buses):
            if not (v_low[t, y] <= v[y] <= v_high[t, y] and abs(flow[y]) <= flow_max[t, y]):
                fits = False
                break
        if fits:
            continue
        binding += 1
        if not _project(
            wanted[t], weight, parent, r, gain, passive[t], fall[t], v_root, v_low[t], v_high[t], flow_max[t], drawn[t]
        ):
            return -1 - t
    return binding


@jit
def _state(drawn, parent, r, gain, passive, fall, v_root, flow, v):  # type: ignore[no-untyped-def]
    """Flows towards the leaves and squared voltages."""
    buses = drawn.size
    for y in range(buses):
        flow[y] = drawn[y] + passive[y]
    for y in range(buses - 1, 0, -1):
        flow[parent[y]] += flow[y]
    v[0] = v_root
    for y in range(1, buses):
        v[y] = gain[y] * v[parent[y]] - 2.0 * r[y] * flow[y] - fall[y]


@jit
def _excess(limit, y, flow, v, v_low, v_high, flow_max):  # type: ignore[no-untyped-def]
    """By how much one of a bus's four limits is passed; −inf if it is none."""
    if limit == 0:
        return v_low[y] - v[y]
    if limit == 1:
        return v[y] - v_high[y]
    return (flow[y] if limit == 2 else -flow[y]) - flow_max[y]


@jit
def _project(  # type: ignore[no-untyped-def]
    wanted, weight, parent, r, gain, passive, fall, v_root, v_low, v_high, flow_max, s
):
    """Interior point method for one hour; whether it converged."""
    buses = s.size
    flow, v = np.empty(buses), np.empty(buses)
    slack, price, miss = np.ones((4, buses)), np.zeros((4, buses)), np.zeros((4, buses))
    of_slack, of_price, corrects = np.zeros((4, buses)), np.zeros((4, buses)), np.zeros((4, buses))
    step, count, far_before = np.zeros((3, buses)), 0, 1.0
    _state(s, parent, r, gain, passive, fall, v_root, flow, v)
    for y in range(1, buses):
        for c in range(4):
            excess = _excess(c, y, flow, v, v_low, v_high, flow_max)
            if excess > -np.inf:
                slack[c, y], price[c, y] = max(-excess, 0.1), 0.1
                count += 1
    for iteration in range(_MOST):
        _state(s, parent, r, gain, passive, fall, v_root, flow, v)
        mean, worst, off = 0.0, 0.0, 0.0
        for y in range(1, buses):
            for c in range(4):
                if price[c, y] > 0.0:
                    miss[c, y] = _excess(c, y, flow, v, v_low, v_high, flow_max) + slack[c, y]
                    product = slack[c, y] * price[c, y]
                    mean += product / count
                    worst, off = max(worst, product), max(off, abs(miss[c, y]))
        if (worst <= 1e-11 or mean <= 1e-12) and off <= 1e-10:
            return True
        reach = max(0.99, min(1.0 - mean, 0.9999))
        corrects[:] = 0.0
        _newton(s, wanted, weight, parent, r, gain, slack, price, miss, corrects, 0.0, step)
        far = min(1.0, _reach(step, slack, price, miss, corrects, 0.0, of_slack, of_price, reach))
        after = 0.0
        for y in range(1, buses):
            for c in range(4):
                if price[c, y] > 0.0:
                    after += (slack[c, y] + far * of_slack[c, y]) * (price[c, y] + far * of_price[c, y]) / count
                    corrects[c, y] = of_slack[c, y] * of_price[c, y]
        aim = mean * (after / mean) ** 3
        if far_before <= 0.5 or iteration >= _BOLD:  # as in `_storage`: centre instead of correcting
            corrects[:] = 0.0
            aim, reach = 0.5 * mean, 0.9
        _newton(s, wanted, weight, parent, r, gain, slack, price, miss, corrects, aim, step)
        far = reach * _reach(step, slack, price, miss, corrects, aim, of_slack, of_price, reach)
        far_before = far
        for y in range(buses):
            s[y] += far * step[0, y]
            for c in range(4):
                if price[c, y] > 0.0:
                    slack[c, y] = max(slack[c, y] + far * of_slack[c, y], _TINY)
                    price[c, y] = max(price[c, y] + far * of_price[c, y], _TINY)
    return False


@jit
def _newton(s, wanted, weight, parent, r, gain, slack, price, miss, corrects, aim, step):  # type: ignore[no-untyped-def]
    """Steps of draws, flows and voltages into `step`; limits enter by their barriers."""
    buses = s.size
    own, seen = np.zeros((5, buses)), np.zeros((5, buses))
    push = np.zeros((4, buses))
    for y in range(buses):
        if weight[y] > 0.0:
            own[_C, y] = 1.0 / weight[y]
            own[_E, y] = wanted[y] - s[y]
    for y in range(buses - 1, 0, -1):
        stiff = np.zeros(4)
        for c in range(4):
            if price[c, y] > 0.0:
                stiff[c] = price[c, y] / slack[c, y]
                push[c, y] = (aim - corrects[c, y]) / slack[c, y] + stiff[c] * miss[c, y]
        own[_A, y] += stiff[0] + stiff[1]
        own[_D, y] += push[1, y] - push[0, y]
        push[3, y] = push[2, y] - push[3, y]
        push[2, y] = stiff[2] + stiff[3]
        _behind(own[:, y], push[2, y], push[3, y], r[y], gain[y], seen[:, y])
        for part in range(5):
            own[part, parent[y]] += seen[part, y]
    ell = np.zeros(buses)
    step[0, 0] = own[_E, 0] if weight[0] > 0.0 else 0.0
    step[1, 0] = step[2, 0] = 0.0
    for y in range(1, buses):
        v, at = step[2, parent[y]], ell[parent[y]]
        P = seen[_C, y] * at + seen[_E, y] - seen[_B, y] * v
        theta, Q = 1.0 - 2.0 * r[y] * own[_B, y], push[2, y] + 4.0 * r[y] ** 2 * own[_A, y]
        first = own[_E, y] - own[_B, y] * gain[y] * v
        second = at - push[3, y] + 2.0 * r[y] * (own[_A, y] * gain[y] * v + own[_D, y])
        ell[y] = (theta * second - Q * first) / (theta**2 + own[_C, y] * Q)
        step[1, y], step[2, y] = P, gain[y] * v - 2.0 * r[y] * P
        step[0, y] = ell[y] / weight[y] + wanted[y] - s[y] if weight[y] > 0.0 else 0.0


@jit
def _behind(own, stiff, push, r, gain, seen):  # type: ignore[no-untyped-def]
    """The five numbers of a bus as seen from its parent, through a line with cost ½ stiff P² + push P."""
    A, b, c, d, e = own[_A], own[_B], own[_C], own[_D], own[_E]
    theta, Q = 1.0 - 2.0 * r * b, stiff + 4.0 * r * r * A
    determinant = theta * theta + c * Q
    known = 2.0 * r * d - push
    seen[_C] = c / determinant
    seen[_E] = (theta * e + c * known) / determinant
    seen[_B] = gain * (theta * b - 2.0 * r * A * c) / determinant
    of_v = gain * (2.0 * r * A * theta + Q * b) / determinant
    seen[_A] = gain * (A * gain + 2.0 * r * A * seen[_B] + b * of_v)
    seen[_D] = gain * (d - 2.0 * r * A * seen[_E] + b * (theta * known - Q * e) / determinant)


@jit
def _reach(step, slack, price, miss, corrects, aim, of_slack, of_price, reach):  # type: ignore[no-untyped-def]
    """Steps of slacks and prices; how far all may go, over `reach`."""
    far = 1.0 / reach
    for y in range(1, slack.shape[1]):
        for c in range(4):
            if price[c, y] <= 0.0:
                continue
            moved = step[2, y] if c < 2 else step[1, y]
            ds = -miss[c, y] - (-moved if c == 0 or c == 3 else moved)
            dz = (aim - corrects[c, y] - price[c, y] * ds) / slack[c, y] - price[c, y]
            if ds < 0.0:
                far = min(far, -slack[c, y] / ds)
            if dz < 0.0:
                far = min(far, -price[c, y] / dz)
            of_slack[c, y], of_price[c, y] = ds, dz
    return far
