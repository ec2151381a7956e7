"""A meter's profile from CSV, and what each mistake is answered with."""

from pathlib import Path

import pytest

from gridpact.client.profile import read_profile
from gridpact.errors import InputError

START, NEXT = "2016-06-07T00:00:00Z", "2016-06-07T00:15:00Z"


def written(folder: Path, text: str) -> Path:
    path = folder / "meter.csv"
    path.write_text(text)
    return path


def test_powers_are_read_at_equal_steps(tmp_path: Path) -> None:
    found = read_profile(written(tmp_path, f"start,load_kw,pv_kw\n{START},1.5,0\n{NEXT},0.5,2.25\n"))
    assert (found.start_ms, found.step_ms) == (1_465_257_600_000, 900_000)
    assert (found.load_kw.tolist(), found.pv_kw.tolist()) == ([1.5, 0.5], [0.0, 2.25])


def test_a_home_without_pv_leaves_it_out(tmp_path: Path) -> None:
    assert read_profile(written(tmp_path, f"start,load_kw\n{START},1\n{NEXT},2\n")).pv_kw.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: columns"),
        ("time,load_kw\n", "line 1: columns time, load_kw"),
        (f"start,load_kw\n{START},1\n", "1 intervals"),
        (f"start,load_kw\nyesterday,1\n{NEXT},1\n", "line 2, start: 'yesterday' is not a time"),
        (f"start,load_kw\n2016-06-07T00:00:00,1\n{NEXT},1\n", "line 2, start: .* with an offset"),
        (f"start,load_kw\n{START},1\n{NEXT},-1\n", "line 3, load_kw: '-1'"),
        (f"start,load_kw\n{START},nan\n{NEXT},1\n", "line 2, load_kw: 'nan'"),
        (f"start,load_kw,pv_kw\n{START},1\n{NEXT},1,1\n", "line 2, pv_kw: None"),
        (f"start,load_kw\n{START},1\n{NEXT},1\n{NEXT},1\n", "line 4: not one step after"),
        (f"start,load_kw\n{NEXT},1\n{START},1\n", "line 3: not one step after"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        read_profile(written(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.csv: cannot be read"):
        read_profile(tmp_path / "gone.csv")
