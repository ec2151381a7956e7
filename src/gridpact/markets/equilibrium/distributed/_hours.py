"""What a member without storage does in an hour, in closed form.

It minimises over its draw n and its import m, with T = n − m what it buys from its partners,

``generation(n) + curtailment(n) + ½ ρ_t (T − A)² + ½ κ m² − a m + retail(m) + ½ ρ_b (n − e)²``

where A, a/κ and e are what its partners and the operator would have it do. Given n the import is a clipped line; given that,
the price of a kWh to the member rises piecewise linearly with n, and generation and curtailment answer it by falling staircases
of lines. So each case is tried in turn, and a line is left to be solved.
"""

import numba

jit = numba.njit(cache=True, error_model="numpy")


@jit
def best_import(n, A, rt, a, kappa, low, high, price_im, price_ex):  # type: ignore[no-untyped-def]
    """m for given n: at the import price if that leaves it positive, at the export price if negative, else none."""
    m = (rt * (n - A) + a - price_im) / (rt + kappa)
    if m > 0.0 or price_im == price_ex:
        return min(max(m, low), high)
    m = (rt * (n - A) + a - price_ex) / (rt + kappa)
    if m < 0.0:
        return min(max(m, low), high)
    return min(max(0.0, low), high)


@jit
def price_of_draw(n, A, rt, a, kappa, low, high, price_im, price_ex, e, rb):  # type: ignore[no-untyped-def]
    """What one kWh more costs the member if it draws n."""
    m = best_import(n, A, rt, a, kappa, low, high, price_im, price_ex)
    return rt * (n - m - A) + rb * (n - e)


@jit
def best_hour(  # type: ignore[no-untyped-def]
    net, curtail_max, generate_max, slope, cost, A, rt, a, kappa, low, high, price_im, price_ex, e, rb
):
    """The draw n and the import m. Generation costs `cost` + `slope` · power at the margin, curtailment nothing."""
    price = price_of_draw(net, A, rt, a, kappa, low, high, price_im, price_ex, e, rb)
    n = net
    if price > cost and generate_max > 0.0:
        n = net - generate_max
        if price_of_draw(n, A, rt, a, kappa, low, high, price_im, price_ex, e, rb) < cost + slope * generate_max:
            n = _crossing(net, cost, slope, n, net, A, rt, a, kappa, low, high, price_im, price_ex, e, rb)
    elif price < 0.0 and curtail_max > 0.0:
        n = net + curtail_max
        if price_of_draw(n, A, rt, a, kappa, low, high, price_im, price_ex, e, rb) > 0.0:
            n = _crossing(net, 0.0, 0.0, net, n, A, rt, a, kappa, low, high, price_im, price_ex, e, rb)
    return n, best_import(n, A, rt, a, kappa, low, high, price_im, price_ex)


@jit
def _crossing(  # type: ignore[no-untyped-def]
    net, cost, slope, least, most, A, rt, a, kappa, low, high, price_im, price_ex, e, rb
):
    """Where the price meets the marginal cost: Newton's method inside a bracket, which ends as soon as the piece is found."""
    n = 0.5 * (least + most)
    for _ in range(60):
        m = best_import(n, A, rt, a, kappa, low, high, price_im, price_ex)
        excess = rt * (n - m - A) + rb * (n - e) - cost - slope * (net - n)
        if excess > 0.0:
            most = n
        else:
            least = n
        moves = low < m < high and not (m == 0.0 and price_im != price_ex)
        step = excess / (rb + slope + (rt * kappa / (rt + kappa) if moves else rt))
        following = n - step
        if not least < following < most:
            following = min(max(following, least), most)
            if abs(step) > 1e-12 * (1.0 + abs(n)) and following in (least, most):
                following = 0.5 * (least + most)
        if abs(following - n) <= 1e-15 * (1.0 + abs(n)):
            break
        n = following
    return n
