"""Preferences over sellers in a community file: what they become, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gridpact.community import load_community
from gridpact.errors import InputError

Swap = tuple[str, str, str]
HEAD = "id,bus,load,pv,pv_kwp,pv_premium,neighbour_premium,distance_aversion,carbon_price,carbon_kg_per_kwh\n"
# 712 and 713 of the feeder hang from 705 and 702: no neighbours
MEMBERS = HEAD + "anna,712,a,south,4,,,0.03,,\nben,713,b,,,0.02,,,0.1,\ncleo,713,b,,,,0.01,,,0.5\n"


def preferring(text: str) -> Swap:
    return ("community.toml", '[members]\nfile = "members.csv"\n', f'[members]\nfile = "members.csv"\n{text}\n')


CARBON: Swap = ("community.toml", "export_price = 0.08", "export_price = 0.08\ncarbon_kg_per_kwh = 0.4")


def test_columns_of_members_become_preferences(write: Callable[..., Path]) -> None:
    community = load_community(write({"members.csv": MEMBERS}, CARBON)).community
    anna, ben, cleo = community.members
    assert anna.preferences.distance_aversion == 0.03
    assert (ben.preferences.pv_premium, ben.preferences.carbon_price) == (0.02, 0.1)
    assert cleo.preferences.neighbour_premium == 0.01
    assert [member.carbon_kg_per_kwh for member in community.members] == [0.041, 0.041, 0.5]
    # Anna and the other two are as far apart as members are; Ben pays for PV and 0.359 kg, and Cleo sells 0.1 kg too much
    assert community.premium is not None
    assert community.premium.tolist() == [[0, -30_000, -30_000], [55_900, 0, -10_000], [0, 10_000, 0]]


def test_a_file_without_preferences_has_no_premiums(write: Callable[..., Path]) -> None:
    community = load_community(write(None, preferring("[preferences]\nwanted_share = 0.1\npv_premium = 0"))).community
    assert community.premium is None
    assert community.pair_premiums is None


def test_a_default_is_for_those_who_state_none(write: Callable[..., Path]) -> None:
    toml = write(
        {"members.csv": "id,load,neighbour_premium\nanna,a,0\nben,b,\n"},
        preferring("[preferences]\nneighbour_premium = -0.02"),
    )
    wanted = [member.preferences.neighbour_premium for member in load_community(toml).community.members]
    assert wanted == [0.0, -0.02]


def test_draws_of_one_seed_differ_by_key_and_keep_what_is_stated(write: Callable[..., Path]) -> None:
    spread = '{ distribution = "uniform", low = 0.0, high = 0.5, seed = 7 }'
    members = "id,load,wanted_share,distance_aversion\n" + "".join(f"m{at},a,,\n" for at in range(6))
    swap = preferring(f"[preferences]\nwanted_share = {spread}\ndistance_aversion = {spread}")
    first = load_community(write({"members.csv": members}, swap)).community
    wanted = np.array([[m.preferences.wanted_share, m.preferences.distance_aversion] for m in first.members])
    assert wanted[:, 0].tolist() == np.random.default_rng(7).uniform(0, 0.5, 6).tolist()
    assert not np.isin(wanted[:, 1], wanted[:, 0]).any()
    assert ((wanted >= 0) & (wanted <= 0.5)).all()
    stated = members.replace("m2,a,,", "m2,a,,-0.9")
    second = load_community(write({"members.csv": stated}, swap)).community
    changed = [m.preferences.distance_aversion for m in second.members]
    assert changed == [*wanted[:2, 1], -0.9, *wanted[3:, 1]]


def test_a_spread_of_premiums_may_go_below_zero_and_one_of_shares_may_not(write: Callable[..., Path]) -> None:
    spread = '{ distribution = "uniform", low = -0.2, high = -0.1 }'
    toml = write(None, preferring(f"[preferences]\npv_premium = {spread}"))
    assert all(-0.2 <= m.preferences.pv_premium <= -0.1 for m in load_community(toml).community.members)
    with pytest.raises(InputError, match=r"\[preferences\] wanted_share\.low: -0\.2"):
        load_community(write(None, preferring(f"[preferences]\nwanted_share = {spread}")))


def test_the_table_of_pairs_holds_instead_of_attributes(write: Callable[..., Path]) -> None:
    table = "seller, premium ,buyer\nanna,0.05,ben\n\nben,-0.1,anna\n"
    toml = write(
        {"premiums.csv": table, "members.csv": MEMBERS}, CARBON, preferring('[preferences]\npremiums = "premiums.csv"')
    )
    premium = load_community(toml).community.premium
    assert premium is not None
    assert premium.tolist() == [[0, -100_000, -30_000], [50_000, 0, -10_000], [0, 10_000, 0]]


TABLES: dict[str, tuple[str, list[str]]] = {
    "an unknown buyer": ("anne,ben,1\n", ["premiums.csv line 2, buyer: there is no member 'anne'", "'anna'?"]),
    "an unknown seller": ("anna,ben,1\nben,bem,1\n", ["premiums.csv line 3, seller: there is no member 'bem'"]),
    "a doubled pair": ("anna,ben,1\nben,anna,1\nanna,ben,2\n", ["line 4, seller", "'anna'", "stand at", "line 2"]),
    "an own sale": ("ben,ben,1\n", ["premiums.csv line 2, seller: 'ben' is the buyer, too"]),
    "not a number": ("anna,ben,nan\n", ["premiums.csv line 2, premium: nan", "a finite number"]),
    "an infinite number": ("anna,ben,-inf\n", ["premiums.csv line 2, premium: -inf", "a finite number"]),
    "a word": ("anna,ben,much\n", ["premiums.csv line 2, premium: 'much'", "a number"]),
    "no premium": ("anna,ben,\n", ["premiums.csv line 2: 'premium' is missing", "a number"]),
    "no buyer": (",ben,1\n", ["premiums.csv line 2: 'buyer' is missing", "text"]),
    "a short line": ("anna,ben\n", ["premiums.csv line 2: 2 cells", "3 cells"]),
    "too much": ("anna,ben,1e10\n", ["premiums.csv, premium", "2^53"]),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_wrong_table_of_pairs_is_refused_with_line_and_column(write: Callable[..., Path], case: str) -> None:
    lines, said = TABLES[case]
    toml = write(
        {"premiums.csv": f"buyer,seller,premium\n{lines}"}, preferring('[preferences]\npremiums = "premiums.csv"')
    )
    with pytest.raises(InputError) as error:
        load_community(toml)
    assert [part for part in said if part not in str(error.value)] == []


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("buyer,seller", "line 1: there is no column 'premium'; accepted: columns buyer, seller, premium"),
        ("buyer,seler,premium", "line 1: unknown column 'seler'; did you mean 'seller'?"),
        ("buyer,buyer,premium", "line 1: column 'buyer' stands twice"),
    ],
)
def test_a_wrong_header_of_pairs_is_refused(write: Callable[..., Path], header: str, said: str) -> None:
    toml = write({"premiums.csv": f"{header}\n"}, preferring('[preferences]\npremiums = "premiums.csv"'))
    with pytest.raises(InputError) as error:
        load_community(toml)
    assert said in str(error.value)


FILES: dict[str, tuple[dict[str, str], list[Swap], list[str]]] = {
    "a premium that is not a number": (
        {"members.csv": "id,load,pv_premium\nanna,a,nan\n"},
        [],
        ["members.csv line 2, pv_premium: nan", "a finite number"],
    ),
    "a default that is not a number": (
        {},
        [preferring("[preferences]\ncarbon_price = nan")],
        ["[preferences] carbon_price: nan", "a finite number"],
    ),
    "a spread from high to low": (
        {},
        [preferring('[preferences]\npv_premium = { distribution = "uniform", low = 1, high = 0 }')],
        ["[preferences] pv_premium: low 1 is above high 0"],
    ),
    "a spread as wide as numbers go": (
        {},
        [preferring('[preferences]\npv_premium = { distribution = "uniform", low = -1e308, high = 1e308 }')],
        ["[preferences] pv_premium: low -1e+308 and high 1e+308 are too far apart"],
    ),
    "negative carbon": (
        {"members.csv": "id,load,carbon_kg_per_kwh\nanna,a,-1\n"},
        [],
        ["members.csv line 2, carbon_kg_per_kwh: '-1'", "a number from 0 up"],
    ),
    "a price of carbon without the supplier's": (
        {"members.csv": "id,load,carbon_price\nanna,a,0.1\n"},
        [],
        ["[tariff] carbon_kg_per_kwh: it is missing, and member anna has a carbon_price"],
    ),
    "a premium for PV where its size is not stated": (
        {"members.csv": "id,load,pv,pv_kwp,pv_premium\nanna,a,,,0.1\nben,b,south,,\n"},
        [("community.toml", 'unit = "pu"', 'unit = "kW"')],
        ["members.csv line 3, pv_kwp: it is missing", "pv_premium"],
    ),
    "a table that is not there": ({}, [preferring('[preferences]\npremiums = "no.csv"')], ["no.csv: there is no such"]),
}


@pytest.mark.parametrize("case", FILES)
def test_wrong_preferences_are_refused_with_their_place(write: Callable[..., Path], case: str) -> None:
    files, swaps, said = FILES[case]
    with pytest.raises(InputError) as error:
        load_community(write(files, *swaps))
    assert [part for part in said if part not in str(error.value)] == []


def test_the_size_of_pv_matters_only_where_somebody_asks(write: Callable[..., Path]) -> None:
    members = "id,load,pv,pv_kwp\nanna,a,,\nben,b,south,\n"
    load_community(write({"members.csv": members}, ("community.toml", 'unit = "pu"', 'unit = "kW"')))
