"""The package printed in docs/extending.md works as printed."""

import importlib
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from gridpact.community import Member, Tariff, TradeCharges, load_community
from gridpact.grid import Feeder, Lines, Transformers
from gridpact.horizon import Horizon
from gridpact.markets import Market, Mechanism, Outlook, make_mechanism, mechanism_names
from gridpact.markets.mechanism import _factories
from gridpact.study import Settings, simulate


@pytest.fixture
def printed_mechanism(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    """Install the printed package the way a wheel is unpacked, and make its mechanism by name."""
    text = (root / "docs" / "extending.md").read_text("utf-8")
    (config,) = (tomllib.loads(block) for block in _blocks(text, "toml"))
    (source,) = _blocks(text, "python")
    (tmp_path / "posted_price.py").write_text(source, "utf-8")
    info = tmp_path / "posted_price-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: posted-price\nVersion: 1.0\n", "utf-8")
    (group,) = config["project"]["entry-points"].items()
    lines = [f"{name} = {value}" for name, value in group[1].items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{group[0]}]", *lines]), "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    _factories.cache_clear()
    yield make_mechanism("posted:midpoint", {"share": 0.25})
    _factories.cache_clear()


def test_the_printed_mechanism_is_listed_with_its_first_line(printed_mechanism: Market) -> None:
    assert mechanism_names()["posted:midpoint"].startswith("Everybody trades at one posted price")


def test_the_printed_mechanism_follows_the_protocol(printed_mechanism: Market) -> None:
    assert isinstance(printed_mechanism, Mechanism)
    assert printed_mechanism.name == "posted:midpoint"


def test_the_printed_mechanism_pairs_as_computed_by_hand(printed_mechanism: Market) -> None:
    # a and b sell 3 and 1 kWh, c and d want 2 and 6: all 4 are sold, the buyers get a quarter and three quarters of them
    outlook = _outlook(net_kw=[[-3.0], [-1.0], [2.0], [6.0]], import_price=300_000, export_price=100_000)
    pact, memory = _clear(printed_mechanism, outlook)
    trades = pact.trades
    assert memory is None
    assert list(zip(trades.seller, trades.buyer, trades.energy_wh, strict=True)) == [
        (0, 2, 1_000),
        (0, 3, 2_000),
        (1, 3, 1_000),
    ]
    assert set(trades.price) == {150_000}
    assert pact.certificate.passed


def test_the_printed_mechanism_trades_nothing_where_charges_leave_no_room(printed_mechanism: Market) -> None:
    outlook = _outlook(net_kw=[[-3.0], [2.0]], import_price=300_000, export_price=100_000, buyers_charge=200_001)
    assert len(_clear(printed_mechanism, outlook)[0].trades) == 0


def test_the_printed_mechanism_runs_a_study_to_the_bill(printed_mechanism: Market) -> None:
    run = simulate(load_community(days=1).community, printed_mechanism, Settings())
    assert len(run.pact.trades) > 0
    assert run.community.total_saving > 0
    assert (run.community.money_residual, run.community.energy_residual_wh) == (0, 0)


def _clear(mechanism: Market, outlook: Outlook):
    assert isinstance(mechanism, Mechanism)
    return mechanism.clear(outlook, None, np.random.default_rng(0))


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def _outlook(net_kw: list[list[float]], import_price: int, export_price: int, buyers_charge: int = 0) -> Outlook:
    net = np.array(net_kw)
    members, periods = net.shape
    prices = {name: np.full(periods, import_price) for name in ("import_price", "imbalance_buy", "loss_price")}
    prices |= {name: np.full(periods, export_price) for name in ("export_price", "imbalance_sell")}
    nothing = np.zeros(members, dtype=np.int64)
    return Outlook(
        members=tuple(Member(id=letter, bus="head") for letter in "abcdefgh"[:members]),
        feeder=_lone_bus(),
        horizon=Horizon(datetime(2025, 6, 1, tzinfo=UTC), timedelta(hours=1), periods),
        tariff=Tariff(**prices),
        charges=TradeCharges(nothing + buyers_charge, nothing, nothing, nothing),
        wanted_share=np.zeros(members),
        demand_kw=net,
        net_kw=net,
        soc_kwh=np.zeros(members),
    )


def _lone_bus() -> Feeder:
    none, whole = np.empty(0), np.empty(0, dtype=np.int64)
    return Feeder(
        name="one bus",
        bus_names=("head",),
        bus_kv=np.array([0.4]),
        source_bus=0,
        lines=Lines((), whole, whole, *(none.copy() for _ in range(7))),
        transformers=Transformers((), whole, whole, *(none.copy() for _ in range(8)), whole, (), ()),
        slack_pu=1.0,
        v_min_pu=0.9,
        v_max_pu=1.1,
        loading_limit=1.0,
        load_buses=np.array([0]),
        xy=np.zeros((1, 2)),
    )
