"""A state that was kept and read again is the state: it has the same digest, and decides the same from there on."""

import msgspec
import pytest

from exchange.simulation import simulate
from exchange.village import verify
from gridpact.exchange import Exchange, SnapshotError, State, freeze, thaw


def test_every_attribute_of_a_state_is_kept() -> None:
    assert set(State.__slots__) == {
        "actors",
        "binding",
        "bounds",
        "final",
        "habits",
        "intervals",
        "records",
        "roster",
        "rules",
    }


@pytest.mark.parametrize("seed", [3, 7, 11, 15, 23])
def test_what_follows_from_a_snapshot_is_what_follows_from_all_steps(seed: int) -> None:
    steps = simulate(seed).steps
    for cut in range(1, len(steps), max(len(steps) // 6, 1)):
        whole = Exchange.from_steps(steps[:cut], verify)
        again = Exchange(thaw(freeze(whole.state)), verify)
        for step in steps[cut:]:
            if step.command is not None:
                assert again.decide(step.command, step.at).events == step.events
            again.apply(step)
        assert again.state.digest() == Exchange.from_steps(steps, verify).state.digest()


def test_a_continuous_book_is_there_again() -> None:
    found = next(
        (steps[:cut], interval.start)
        for steps in (simulate(seed).steps for seed in range(40))
        for cut in range(2, len(steps), 5)
        for interval in Exchange.from_steps(steps[:cut], verify).state.intervals.values()
        if interval.book is not None and interval.book.best_bid is not None
    )
    state = Exchange.from_steps(found[0], verify).state
    again = thaw(freeze(state)).intervals[found[1]].book
    book = state.intervals[found[1]].book
    assert book is not None
    assert again is not None
    assert again.depth(100) == book.depth(100)


@pytest.mark.parametrize("spoil", [b"", b"{}", b"[1]"])
def test_what_is_no_snapshot_is_refused(spoil: bytes) -> None:
    with pytest.raises(SnapshotError):
        thaw(spoil)


def test_a_snapshot_of_another_state_is_refused() -> None:
    state = Exchange.from_steps(simulate(3).steps, verify).state
    frozen = msgspec.json.decode(freeze(state))
    frozen["final"] += 1
    with pytest.raises(SnapshotError, match="not of the state"):
        thaw(msgspec.json.encode(frozen))
