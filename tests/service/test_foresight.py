"""What a home expects and bids, from what it has measured."""

import numpy as np
import pytest

from gridpact.client import Market, Topics
from gridpact.client.agent import FEWEST_ERRORS, Agent
from gridpact.client.foresight import DAY_MS, STAYS, USUAL, Foresight
from gridpact.client.home import Home
from gridpact.community import Community, Member, load_community
from gridpact.exchange import Prices
from gridpact.service.demo import some_members
from gridpact.service.setting import start_ms, step_ms
from service.live import PRICES, key_of

STEP = 900_000
HOUR = 4 * STEP
TODAY = 20 * DAY_MS


@pytest.fixture(scope="module")
def community() -> Community:
    return some_members(load_community().community, 12)


def homes(community: Community) -> list[Home]:
    profiles = community.profiles
    return [
        Home(
            member,
            np.asarray(profiles.load_kw[at]),
            np.asarray(profiles.pv_kw[at]),
            start_ms(community),
            step_ms(community),
        )
        for at, member in enumerate(community.members)
    ]


def test_load_goes_back_to_what_is_usual() -> None:
    def load(at: int) -> float:
        return 3.0 if at >= TODAY - HOUR else 1.0 + at / DAY_MS / 100

    found = Foresight(load, lambda at: 0.0, STEP).net_kw(TODAY, TODAY + STEP)
    usual = [1.0 + (back / 96 + 18.5) / 100 for back in (-2.5, 0, 1)]  # of the last hour, and of the two intervals
    assert found == pytest.approx([u + STAYS * (3.0 - usual[0]) for u in usual[1:]])


def test_a_cloud_stays() -> None:
    def pv(at: int) -> float:
        return 1.0 if at == TODAY - STEP else 4.0

    assert Foresight(lambda at: 0.0, pv, STEP).net_kw(TODAY, TODAY + HOUR).tolist() == [-1.0] * 5


def test_of_a_day_that_has_not_begun_the_usual_is_expected() -> None:
    def pv(at: int) -> float:
        return 4.0 * (HOUR <= at % DAY_MS < 12 * HOUR)

    found = Foresight(lambda at: 0.0, pv, STEP).net_kw(TODAY, TODAY + HOUR)
    assert found == pytest.approx([0, 0, 0, -4 * USUAL, -4 * USUAL])


@pytest.mark.parametrize("ahead", [HOUR, DAY_MS - 2 * STEP, DAY_MS - STEP, DAY_MS, 2 * DAY_MS + HOUR])
def test_it_asks_for_nothing_that_is_not_measured_yet(ahead: int) -> None:
    asked: list[int] = []

    def measured(at: int) -> float:
        asked.append(at)
        return 1.0

    Foresight(measured, measured, STEP).net_kw(TODAY + STEP // 2, TODAY + ahead)
    assert max(asked) == TODAY - STEP


def test_it_is_less_wrong_than_yesterday_by_a_quarter(community: Community) -> None:
    """An hour ahead over the week of the built-in community; batteries aside."""
    wrong = wrong_yesterday = 0.0
    for home in homes(community):
        net_kw = home.load_kw - home.pv_kw
        foresight = Foresight(lambda at, h=home: h.load_kw[h.at(at)], lambda at, h=home: h.pv_kw[h.at(at)], STEP)
        for at in range(0, 7 * 96, 5):
            now = home.origin + at * STEP
            wrong += abs(foresight.net_kw(now, now + HOUR)[-1] - net_kw[(at + 4) % len(net_kw)])
            wrong_yesterday += abs(net_kw[at + 4 - 96] - net_kw[(at + 4) % len(net_kw)])
    assert wrong < wrong_yesterday * 3 / 4


def agent(errors: list[int]) -> Agent:
    home = Home(Member(id="ann", bus="b"), np.ones(96), np.zeros(96), 0, STEP)
    market = Market("ann", Topics("north"), key_of("ann"))
    made = Agent(market, home, "meter-ann", key_of("meter-ann"), lambda: 0, HOUR)
    made.errors.extend(errors)
    return made


def test_what_is_bid_is_the_newsvendors_quantile() -> None:
    """Mid 190: a seller is left with less in (350 − 190) / (350 − 80) of all cases, a buyer takes less in 110 / 250."""
    made = agent(list(range(-500, 501, 10)))
    assert made.bid_wh(-2_000, PRICES) == pytest.approx(-2_000 + 1_000 * (160 / 270 - 0.5), abs=1)
    assert made.bid_wh(2_000, PRICES) == pytest.approx(2_000 + 1_000 * (110 / 250 - 0.5), abs=1)


def test_nobody_bids_on_the_other_side_of_what_is_expected() -> None:
    made = agent([1_000] * FEWEST_ERRORS)
    assert made.bid_wh(-300, PRICES) == 0
    assert made.bid_wh(0, PRICES) == 0


def test_few_errors_and_equal_prices_say_nothing() -> None:
    assert agent([700] * (FEWEST_ERRORS - 1)).bid_wh(-300, PRICES) == -300
    flat = Prices(100, 100, 100, 100, 100)
    assert agent([-10, 10] * FEWEST_ERRORS).bid_wh(-300, flat) == -300
