"""What `gridpact verify` is told to trust, what it can and cannot see, and how it ends."""

import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exchange.proof_room import MECHANISMS, Recorded, Told, check, first, lines_of, record, save
from gridpact import cli
from gridpact.errors import InputError
from gridpact.exchange import settle
from gridpact.exchange.proof import Trust
from gridpact.exchange.proof.tables import book_of, order_seed, orders_columns
from gridpact.exchange.proof.words import OrdersTable
from gridpact.grid import power_flow
from gridpact.ledger import Directory, SigningKey, View, encode
from gridpact.markets import Book, OrderMechanism, StatedMechanism, make_mechanism, mechanism_names
from gridpact.study import Settings, run_baseline, simulate
from gridpact.study.ledger import Recorder, Witnessed
from gridpact.units import to_kwh, to_wh

AUCTION, POOL, CONTRACTS = MECHANISMS


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return record(tmp_path_factory.mktemp("recorded"))


def public(recorded: Recorded, mechanism: str, folder: Path) -> Path:
    recorder = Recorder(folder, View.PUBLIC, recorded.keys, entropy=random.Random(mechanism).randbytes)
    community = recorded.community
    recorder(community, make_mechanism(mechanism), Settings(forecast="noise"), run_baseline(community))
    return recorder.join([mechanism])[0]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_the_public_export_shows_totals_and_hides_orders_trades_readings_and_bills(
    recorded: Recorded, mechanism: str, tmp_path: Path
) -> None:
    path = public(recorded, mechanism, tmp_path)
    audit, shown = (lines_of(each) for each in (recorded.export(mechanism), path))
    assert [line["head"]["root"] for line in audit if "head" in line] == [
        line["head"]["root"] for line in shown if "head" in line
    ]
    assert not any("openings" in line for line in shown)
    found = check(path)
    assert found.difference is None
    assert found.counts.checked["intervals whose cash flows sum to zero"] == 6
    assert "bills worked out again" not in found.counts.checked
    assert "orders, trades and bills" in found.counts.not_checked


def test_a_public_export_whose_parties_make_money_is_caught(recorded: Recorded, tmp_path: Path) -> None:
    def make_money(told: list[Told | str]) -> None:
        first(told, "interval_settled").body["exchange"] -= 1

    lines = lines_of(recorded.forged(AUCTION, make_money, tmp_path))
    lines[0]["view"] = "public"
    for line in lines:
        line.pop("openings", None)
    found = check(save(lines, tmp_path / "public.export")).difference
    assert found is not None
    assert "money was made or lost" in found.follows


def test_trusted_keys_and_fingerprints_are_held_against_those_of_the_export(recorded: Recorded, tmp_path: Path) -> None:
    path = recorded.export(AUCTION)
    keys = Directory({name: key.public for name, key in recorded.keys.items()})
    for trust in (Trust(keys=keys), Trust(fingerprint=keys.fingerprint)):
        assert check(path, trust).difference is None
    other = Directory({**{name: keys[name] for name in keys.names}, "dso": SigningKey(bytes(32)).public})
    with pytest.raises(InputError, match="the key of 'dso' is not the trusted one"):
        check(path, Trust(keys=other))
    with pytest.raises(InputError, match="fingerprint of its keys"):
        check(path, Trust(fingerprint=other.fingerprint))
    with pytest.raises(InputError, match="has no head of log"):
        check(path, Trust(heads=recorded.export(POOL)))


def test_as_many_witnesses_as_are_asked_for_must_have_signed(recorded: Recorded) -> None:
    path = recorded.export(AUCTION)
    held = check(path).header.quorum
    assert held > 0
    assert check(path, Trust(witnesses=held)).difference is None
    with pytest.raises(InputError, match=rf"held by {held} of \d+ witnesses; accepted: at least {held + 1}, as asked"):
        check(path, Trust(witnesses=held + 1))


def test_a_false_meter_is_flagged_and_nothing_else_is_wrong(recorded: Recorded, tmp_path: Path) -> None:
    """A meter that signs less than it measured; its bill follows from what it signed, the head's meter from what flowed."""
    community = recorded.community
    market = Witnessed(make_mechanism(AUCTION))
    run = simulate(community, market, Settings(forecast="noise"))
    net_wh, stolen = run.delivery.net_wh.copy(), 400
    net_wh[2, 3] -= stolen
    hours = community.horizon.hours
    head_wh = to_wh(run.flow.head_kw * hours)
    told = power_flow(community.feeder, *community.at_buses(to_kwh(net_wh) / hours, community.profiles.q_kvar))
    false = replace(
        run,
        flow=replace(told, head_kw=run.flow.head_kw),  # the DSO knows what meters say, and its own at the head
        delivery=replace(run.delivery, net_wh=net_wh),
        settlement=settle(run.pact, net_wh, head_wh, community.tariff, community.charges),
    )
    recorder = Recorder(tmp_path, View.AUDIT, recorded.keys)
    recorder.write(community, false, market.gates)
    found = check(recorder.join([AUCTION])[0])
    assert found.difference is None
    (flag,) = found.flags
    start = community.horizon.window(3, 4).start.strftime("%Y-%m-%dT%H:%M:%SZ")
    said = int(flag.partition(": +")[2].split()[0])
    assert abs(said - stolen) <= 10
    assert flag.startswith(start)


def test_several_logs_stand_in_one_file_and_are_verified_one_after_the_other(
    recorded: Recorded, tmp_path: Path
) -> None:
    path = tmp_path / "both.export"
    path.write_bytes(recorded.export(AUCTION).read_bytes() + recorded.export(POOL).read_bytes())
    from gridpact.exchange.proof import verify

    assert [found.what.split(",")[0] for found in verify(path, Trust())] == [AUCTION, POOL]


def test_the_seed_follows_from_the_orders_and_from_nothing_that_somebody_could_try(recorded: Recorded) -> None:
    rng = np.random.default_rng(5)
    book = Book(
        interval=rng.integers(0, 3, 20),
        is_buy=rng.integers(0, 2, 20),
        member=rng.integers(0, 6, 20),
        energy_wh=rng.integers(1, 900, 20),
        limit=rng.integers(80_000, 300_000, 20),
        charge=np.zeros(20, dtype=np.int64),
    )
    columns = orders_columns(book)
    seed = order_seed(columns)
    assert len(seed) == 16
    assert order_seed({**columns, "signature": ["x"] * len(columns["member"])}) == seed
    other = {**columns, "price": [[price + 1 for price in row] for row in columns["price"]]}
    assert order_seed(other) != seed
    charges = recorded.community.charges
    again = book_of(OrdersTable(**columns, signature=[]), charges)
    order = np.argsort(book.member, kind="stable")
    for name in ("interval", "is_buy", "member", "energy_wh", "limit"):
        assert np.array_equal(getattr(again, name), getattr(book, name)[order])


def test_every_registered_mechanism_can_be_verified_in_one_of_four_ways() -> None:
    for name in mechanism_names():
        market = make_mechanism(name)
        assert isinstance(market, OrderMechanism) == name.startswith("auction:")
        assert isinstance(market, StatedMechanism) == name.startswith(("assignment:", "negotiation:s2"))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Call `gridpact verify` in this process: exit code, what it prints, what it complains of."""

    def called(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gridpact", "verify", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err

    return called


def test_the_command_ends_with_0_if_all_holds_and_says_what_was_checked(call, recorded: Recorded) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = call(recorded.export(AUCTION))
    assert code == 0
    assert "48 bills worked out again" in out
    assert "keys: taken from the export, trusted by nobody" in out
    assert out.rstrip().endswith("HOLDS: what was logged follows from what was signed")


def test_the_command_ends_with_1_at_a_difference_and_says_which(call, recorded: Recorded, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    def bill_more(told: list[Told | str]) -> None:
        first(told, "interval_settled").tables["bills"]["total"][0] += 1

    code, out, _ = call(recorded.forged(AUCTION, bill_more, tmp_path))
    assert code == 1
    for said in ("where:    entry", "claimed:  total", "found:    total", "follows:  m00000 pays", "DIFFERS"):
        assert said in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.export"], "nothing.export: cannot be read"),
        (["torn.export"], "torn.export line"),
        (["good.export", "--keys", "none.json"], "none.json: cannot be read"),
        (["good.export", "--keys", "wrong.json"], "the key of 'dso' is not the trusted one"),
        (["good.export", "--keys", "list.json"], "list.json: keys are a list"),
        (["good.export", "--fingerprint", "abc"], "the fingerprint of its keys is"),
        (["good.export", "--heads", "other.export"], "has no head of log"),
        (["good.export", "--witnesses", "9"], "at least 9, as asked for"),
    ],
)
def test_the_command_ends_with_2_and_one_message_if_it_cannot_verify(
    call,  # type: ignore[no-untyped-def]
    arguments: list[str],
    message: str,
    recorded: Recorded,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    good = recorded.export(AUCTION).read_bytes()
    Path("good.export").write_bytes(good)
    Path("torn.export").write_bytes(good[: len(good) // 2])
    Path("other.export").write_bytes(recorded.export(POOL).read_bytes())
    keys = Directory({name: key.public for name, key in recorded.keys.items()}).to_json()
    Path("wrong.json").write_bytes(encode({**keys, "dso": keys["exchange"]}))
    Path("list.json").write_bytes(encode([1]))
    code, _, complaint = call(*arguments)
    assert code == 2
    assert complaint.startswith("error: ")
    assert message in complaint


def test_the_command_ends_with_3_if_it_holds_and_looks_wrong(call, recorded: Recorded, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    community, market = recorded.community, make_mechanism(POOL)
    run = simulate(community, market, Settings())
    head_wh = to_wh(run.flow.head_kw * community.horizon.hours)
    beside_kw = np.zeros(len(head_wh))
    beside_kw[1] = 2.0  # somebody draws beside the meters
    flow = replace(run.flow, head_kw=run.flow.head_kw + beside_kw)
    head_wh = to_wh(flow.head_kw * community.horizon.hours)
    accounts = settle(run.pact, run.delivery.net_wh, head_wh, community.tariff, community.charges)
    recorder = Recorder(tmp_path, View.AUDIT, recorded.keys)
    recorder.write(community, replace(run, flow=flow, settlement=accounts), [])
    code, out, _ = call(recorder.join([POOL])[0])
    assert code == 3
    start = community.horizon.window(1, 2).start.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert f"flag: {start}: +5" in out or f"flag: {start}: +49" in out
    assert "HOLDS, with flags" in out
