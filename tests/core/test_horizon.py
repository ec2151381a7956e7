"""The time grid."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gridpact.errors import InputError
from gridpact.horizon import Horizon

QUARTER = timedelta(minutes=15)


def test_times_are_kept_in_utc():
    horizon = Horizon(datetime(2025, 6, 1, 2, tzinfo=timezone(timedelta(hours=2))), QUARTER, 4)
    assert horizon.start == datetime(2025, 6, 1, tzinfo=UTC)
    assert str(horizon.index()[1]) == "2025-06-01 00:15:00+00:00"


@pytest.mark.parametrize(("day", "intervals"), [((3, 29, 23), 92), ((10, 25, 22), 100)])
def test_days_of_23_and_25_hours_keep_their_local_time(day, intervals):
    local = Horizon(datetime(2025, *day, tzinfo=UTC), QUARTER, intervals).minute_of_day("Europe/Berlin")
    assert local[0] == 0
    assert local[-1] == 23 * 60 + 45


def test_a_window_starts_where_it_says():
    horizon = Horizon(datetime(2025, 6, 1, tzinfo=UTC), QUARTER, 96)
    assert horizon.window(8, 12) == Horizon(datetime(2025, 6, 1, 2, tzinfo=UTC), QUARTER, 4)
    assert horizon.per_day == 96
    with pytest.raises(ValueError, match="outside"):
        horizon.window(90, 97)


@pytest.mark.parametrize(
    ("start", "step", "periods", "fragment"),
    [
        (datetime(2025, 6, 1), QUARTER, 1, "no time zone"),  # noqa: DTZ001 the point of the test
        (datetime(2025, 6, 1, tzinfo=UTC), timedelta(0), 1, "not positive"),
        (datetime(2025, 6, 1, tzinfo=UTC), QUARTER, -1, "negative"),
    ],
)
def test_an_impossible_horizon_is_refused(start, step, periods, fragment):
    with pytest.raises(InputError, match=fragment):
        Horizon(start, step, periods)
