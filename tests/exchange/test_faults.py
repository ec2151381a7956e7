"""Thousands of seeded schedules in which everything goes wrong that can; after each, the books close and nothing is lost."""

import random
from collections import Counter

import pytest

from exchange import simulation
from exchange.auditor import Audit
from exchange.simulation import World, simulate
from exchange.village import verify
from gridpact.exchange import (
    Exchange,
    ItemState,
    OrderState,
    PositionState,
    ReasonCode,
    Refused,
    fold,
    moves,
    read_steps,
    replay,
    write_steps,
)

BATCH = 250


def check(world: World) -> None:
    """Everything that must hold after a schedule."""
    events = [event for step in world.steps for event in step.events]
    digest = world.exchange.state.digest()
    for steps, then in (world.digests | {len(world.steps): digest}).items():
        assert replay(event for step in world.steps[:steps] for event in step.events).digest() == then
    assert world.exchange.state.intervals == {}, "every interval is final in the end"
    audit = Audit(events)  # zero-sum, energy, bills, one state at a time
    ends = {"CANCELLED", "UNMATCHED", "REJECTED", "DELIVERED"}
    assert {path[-1] for path in audit.paths.values()} <= ends
    assert all(len(ends.intersection(path)) == 1 for path in audit.paths.values())
    assert all(order["open"] == 0 for order in audit.orders.values())
    if world.seed % 4 == 0:
        check_that_refusals_and_crashes_change_nothing(world, digest)


def check_that_refusals_and_crashes_change_nothing(world: World, digest: str) -> None:
    """The same without whatever was refused, and without any crash, comes to the same events and the same state."""
    calm = Exchange.from_steps(world.steps[:1], verify)
    for step in world.steps[1:]:
        if step.command is not None and not any(isinstance(event, Refused) for event in step.events):
            assert calm.handle(step.command, step.at) == step
    assert calm.state.digest() == digest


@pytest.mark.parametrize("first", range(0, 2_000, BATCH))
def test_after_every_schedule_the_books_close_and_replay_gives_the_same_state(first: int) -> None:
    for seed in range(first, first + BATCH):
        try:
            check(simulate(seed))
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise


@pytest.mark.slow
@pytest.mark.parametrize("first", range(2_000, 20_000, BATCH))
def test_after_many_more_schedules_too(first: int) -> None:
    for seed in range(first, first + BATCH):
        check(simulate(seed))


@pytest.fixture(scope="module")
def seen() -> dict[str, Counter]:
    """Reasons, moves and crashes over some schedules."""
    found: dict[str, Counter] = {"reasons": Counter(), "moves": Counter(), "crashes": Counter()}
    with pytest.MonkeyPatch.context() as patch:

        def noted(table, now, then):
            found["moves"][now, then] += 1
            return moves.move(table, now, then)

        patch.setattr(fold, "move", noted)
        for seed in range(300):
            world = simulate(seed)
            found["crashes"][seed] = world.crashes
            for event in (event for step in world.steps for event in step.events):
                if isinstance(getattr(event, "reason", None), ReasonCode):
                    found["reasons"][event.reason] += 1
    return found


def test_the_schedules_reach_every_reason_code(seen: dict[str, Counter]) -> None:
    assert set(ReasonCode) - set(seen["reasons"]) == set()


@pytest.mark.parametrize(
    ("table", "states"),
    [(moves.ITEM_MOVES, ItemState), (moves.ORDER_MOVES, OrderState), (moves.POSITION_MOVES, PositionState)],
)
def test_the_schedules_reach_every_legal_move_and_every_state(seen: dict[str, Counter], table, states) -> None:
    legal = {(now, then) for now, following in table.items() for then in following}
    assert legal - set(seen["moves"]) == set()
    assert set(table) == set(states)


def test_the_schedules_crash_the_exchange(seen: dict[str, Counter]) -> None:
    assert seen["crashes"].total() > 100


def test_a_schedule_is_the_same_bit_for_bit_when_it_is_run_again() -> None:
    assert write_steps(simulate(7).steps) == write_steps(simulate(7).steps)


def test_a_crash_after_any_event_leaves_a_journal_that_goes_on_as_if_nothing_had_happened() -> None:
    steps = simulate(3).steps
    written = write_steps(steps)
    digest = replay(event for step in steps for event in step.events).digest()
    ends = [0]
    for step in steps:
        ends.append(ends[-1] + len(write_steps([step])))
    for number in range(1, len(steps)):
        torn = written[: (ends[number] + ends[number + 1]) // 2]
        back = Exchange.from_steps(read_steps(torn), verify)
        for step in steps[number:]:
            if step.command is not None:
                assert back.handle(step.command, step.at) == step
        assert back.state.digest() == digest


def test_the_same_commands_again_are_refused_or_find_nothing_to_do() -> None:
    world = simulate(11)
    digest = world.exchange.state.digest()
    for step in world.steps[1:]:
        if step.command is not None:
            again = world.exchange.handle(step.command, world.steps[-1].at)
            assert all(isinstance(event, Refused) for event in again.events)
    assert world.exchange.state.digest() == digest


def test_the_simulation_draws_from_every_mechanism_that_matches_orders() -> None:
    drawn = {simulation.rules_of(random.Random(seed)).mechanism for seed in range(200)}
    assert drawn == set(simulation.MECHANISMS)
