"""Separate agents: who learns what, held against transcripts; and the same equilibrium on good and bad networks."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from gridpact.errors import InputError
from gridpact.markets.equilibrium import (
    CentralSolver,
    DistributedSolver,
    InfeasibleError,
    Recipe,
    Tuning,
    certified_gap,
    clear_by_agents,
    make_instance,
    objective,
    residuals,
)
from gridpact.markets.equilibrium.distributed import BusPrice, GridPrice, Message, Offer, Wish
from gridpact.markets.equilibrium.distributed.agents import OPERATOR
from gridpact.markets.mailbox import Conditions, Mailbox
from markets.equilibrium_games import line_game

INSTANCE = make_instance(Recipe(members=12, partners=4, seed=3, diversity=0.02))


def cleared(conditions=None, tolerance=0.03, seed=1, instance=INSTANCE, **options):
    mailbox = Mailbox(Message, conditions, np.random.default_rng(seed), keep_transcript=True)
    return clear_by_agents(instance, mailbox, tolerance=tolerance, **options), mailbox


def deliveries(mailbox):
    return [(each.sender, each.receiver, mailbox.decode(each.payload)) for each in mailbox.transcript]


BAD = Conditions(loss=0.2, delay=(1, 3), duplication=0.1)


@pytest.mark.parametrize("conditions", [None, BAD], ids=["good", "bad"])
def test_inboxes_hold_nothing_but_what_the_table_says(conditions):
    """Partners hear offers, the operator wishes, members the price of imports and the multiplier of their own bus."""
    _, mailbox = cleared(conditions)
    names = INSTANCE.pro_name
    linked = {frozenset((names[i], names[j])) for i, j in INSTANCE.edges}
    seen = set()
    for sender, receiver, message in deliveries(mailbox):
        seen.add(type(message))
        if receiver == OPERATOR:
            assert type(message) is Wish
        elif sender == OPERATOR:
            assert type(message) in {GridPrice, BusPrice}
        else:
            assert type(message) is Offer
            assert frozenset((sender, receiver)) in linked
    assert seen == {Wish, Offer, GridPrice, BusPrice}
    assert Wish.__struct_fields__ == ("version", "imports", "draws", "mismatch", "step", "moved", "done")
    assert Offer.__struct_fields__ == ("version", "trade", "scale")
    assert GridPrice.__struct_fields__ == ("version", "price", "scale", "done")
    assert BusPrice.__struct_fields__ == ("version", "price")


def test_members_of_a_bus_hear_the_multiplier_of_no_other():
    game = line_game(
        [[30.0], [30.0]],
        vmin=0.995,
        di_max=np.array([50.0, 50.0]),
        c_di=np.array([0.9, 0.9]),
        Q_di=np.array([0.01, 0.01]),
    )
    clearing, mailbox = cleared(tolerance=1e-3, instance=game)
    heard = {name: message for _, name, message in deliveries(mailbox) if isinstance(message, BusPrice)}
    first, second = (heard[name].price[0] for name in game.pro_name)
    assert first != pytest.approx(second, rel=0.1)
    assert clearing.multipliers.bus[1:, 0] == pytest.approx(
        CentralSolver().solve(game).multipliers.bus[1:, 0], abs=1e-2
    )


def test_no_inbox_holds_a_cost_or_a_state_of_charge_and_no_partners_a_load():
    """Not as a number, in units inside or outside. The operator hears draws: with idle devices those are the load."""
    clearing, mailbox = cleared(tolerance=0.01)
    charge = clearing.allocation.state_of_charge(INSTANCE)[INSTANCE.stores][:, 1:-1]
    costs = [getattr(INSTANCE, name)[getattr(INSTANCE, name) > 0] for name in ("c_di", "Q_di", "Q_st")]
    private = np.concatenate([*costs, charge.ravel()])
    kw = float(np.maximum(INSTANCE.pd, 0).mean())
    load = np.concatenate([INSTANCE.pd.ravel(), INSTANCE.pd.ravel() / kw])
    for kind, hidden in ((Offer, np.concatenate([private, load])), (Wish, private)):
        said = np.sort(
            [number for *_, message in deliveries(mailbox) if isinstance(message, kind) for number in numbers(message)]
        )
        after = np.clip(np.searchsorted(said, hidden), 1, len(said) - 1)
        nearest = np.minimum(np.abs(said[after] - hidden), np.abs(said[after - 1] - hidden))
        assert nearest.min() > 1e-13


def test_the_first_wish_says_nothing():
    _, mailbox = cleared()
    first = [message for *_, message in deliveries(mailbox) if isinstance(message, Wish) and message.version == 1]
    assert len(first) >= INSTANCE.members
    assert not any(any(message.draws) or any(message.imports) for message in first)


def numbers(message):
    for field in msgspec.structs.astuple(message):
        if isinstance(field, tuple):
            yield from field
        elif isinstance(field, float):
            yield field


def test_on_a_perfect_network_rounds_are_those_of_the_arrays():
    tuning = Tuning(raise_every=10_000)
    agents, mailbox = cleared(tolerance=0.03, tuning=tuning)
    arrays = DistributedSolver(tuning=tuning).solve(INSTANCE, tolerance=1e-9, max_rounds=agents.rounds)
    assert agents.history.step == pytest.approx(arrays.history.step, rel=1e-6, abs=1e-9)
    assert agents.history.bus_balance == pytest.approx(arrays.history.bus_balance, rel=1e-6, abs=1e-9)
    assert agents.history.dual_step[1:] == pytest.approx(arrays.history.dual_step[1:], rel=1e-6, abs=1e-9)
    assert agents.history.reciprocity[1:] == pytest.approx(arrays.history.reciprocity[:-1], rel=1e-6, abs=1e-9)
    assert agents.allocation.p_mg == pytest.approx(arrays.allocation.p_mg, abs=1e-7)
    assert agents.allocation.p_tr == pytest.approx(arrays.allocation.p_tr, abs=1e-7)
    assert mailbox.round <= 2 * agents.rounds + 6


@pytest.mark.parametrize(
    "conditions",
    [Conditions(loss=0.3), Conditions(delay=(1, 4)), BAD, Conditions(loss=0.1, activity=0.7), Conditions(link_up=0.7)],
    ids=["loss", "delay", "all at once", "asleep", "links that come and go"],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_loss_and_delay_cost_time_and_change_nothing_else(conditions, seed):
    good, quick = cleared(tolerance=0.01)
    bad, slow = cleared(conditions, tolerance=0.01, seed=seed)
    assert bad.converged
    assert slow.round > quick.round
    least = objective(INSTANCE, good.allocation)
    assert objective(INSTANCE, bad.allocation) == pytest.approx(least, rel=1e-4)
    assert bad.allocation.p_mg == pytest.approx(good.allocation.p_mg, abs=0.5)
    assert residuals(INSTANCE, bad.allocation).worst < 0.1
    assert abs(certified_gap(bad).relative) < 1e-4


def test_delay_alone_changes_not_even_the_rounds():
    good, quick = cleared(tolerance=0.01)
    late, slow = cleared(Conditions(delay=(1, 4)), tolerance=0.01)
    assert (late.rounds, slow.round > 3 * quick.round) == (good.rounds, True)
    assert late.allocation.p_tr.tolist() == good.allocation.p_tr.tolist()


def test_bytes_are_what_members_sent():
    clearing, mailbox = cleared()
    assert clearing.bytes_sent.tolist() == [mailbox.bytes[name] for name in INSTANCE.pro_name]
    per_message = sum(len(each.payload) for each in mailbox.transcript) / len(mailbox.transcript)
    assert per_message < 2 * INSTANCE.H * 9 + 60


def test_a_member_without_partners_trades_with_nobody():
    game = line_game([[3.0], [2.0], [1.0]], edges=((0, 1),))
    clearing, _ = cleared(tolerance=1e-4, instance=game)
    assert clearing.allocation.p_mg[2] == pytest.approx([1.0], abs=1e-3)


def test_limits_that_cannot_be_kept_are_named():
    game = line_game([[3.0], [2.0]], pmax=1.0)
    with pytest.raises(InfeasibleError, match="main grid"):
        cleared(instance=game, max_ticks=200)


def test_ticks_that_run_out_are_said_so():
    clearing, _ = cleared(tolerance=1e-6, max_ticks=20)
    assert not clearing.converged


def test_a_mailbox_that_somebody_has_joined_is_refused():
    mailbox = Mailbox(Message)
    mailbox.join("somebody")
    with pytest.raises(InputError, match="joined already"):
        clear_by_agents(INSTANCE, mailbox)


def test_a_member_called_as_the_operator_is_refused():
    with pytest.raises(InputError, match="joined already"):
        cleared(instance=replace(INSTANCE, pro_name=(OPERATOR, *INSTANCE.pro_name[1:])))


def test_what_is_no_message_of_the_game_is_passed_over_whoever_sent_it():
    """A member that also says hours too few, and numbers that are none, keeps nobody from the same outcome."""

    class Noisy(Mailbox):
        def _carry(self, sender, receiver, payload):
            said = self.decode(payload)
            later = {"version": said.version + 1000}
            if isinstance(said, Wish):
                wrong = [{"imports": (0.0,)}, {"step": float("nan")}]
            else:
                wrong = [{"trade" if isinstance(said, Offer) else "price": (float("inf"),) * INSTANCE.H}]
            for fields in wrong:
                noise = msgspec.structs.replace(said, **later, **fields)
                super()._carry(sender, receiver, msgspec.msgpack.encode(noise))
            super()._carry(sender, receiver, payload)

    plain, _ = cleared()
    noisy = clear_by_agents(INSTANCE, Noisy(Message), tolerance=0.03)
    assert np.array_equal(noisy.allocation.pi, plain.allocation.pi)
