"""The ledger of a live area: heads and proofs hold, it is the same after a restart, and its export verifies."""

import asyncio
from pathlib import Path

import pytest

from gridpact.errors import InputError
from gridpact.exchange import Step
from gridpact.exchange.proof import Trust, verify
from gridpact.ledger import Directory, View, leaf_hash, verify_consistency, verify_inclusion
from gridpact.service.ledger import AreaLedger, LedgerSecret, export_ledger, head_message, ledger_secret
from gridpact.service.store import open_store
from service.live import AREA, key_of
from service.web import web_live


def traded(folder: Path) -> list[Step]:
    async def go() -> list[Step]:
        async with web_live(folder) as web:
            await web.trade()
            return [step async for step in web.area.writer.store.read(AREA)]

    return asyncio.run(go())


def ledger_of(secret: LedgerSecret, steps: list[Step]) -> AreaLedger:
    ledger = AreaLedger(secret, "market", key_of("market"))
    for step in steps:
        ledger.take(step)
    return ledger


def test_every_step_under_a_head_is_proven_to_be_in_it(tmp_path: Path) -> None:
    steps, secret = traded(tmp_path), ledger_secret(tmp_path)
    ledger = ledger_of(secret, steps)
    assert ledger.head is not None
    head = ledger.head.head
    for position in range(head.size):
        proof = ledger.inclusion(position, steps[position])
        assert verify_inclusion(leaf_hash(proof.leaf), position, head.size, proof.hashes, head.root)
    other = ledger.inclusion(0, steps[1])
    assert not verify_inclusion(leaf_hash(other.leaf), 0, head.size, other.hashes, head.root)
    first = ledger.heads[0].head
    assert verify_consistency(first.size, head.size, ledger.consistency(first.size), first.root, head.root)
    assert ledger.head.signed_by("market", Directory({"market": key_of("market").public}))
    assert head_message(ledger.head).size == head.size


def test_after_a_restart_it_is_the_same_bit_for_bit(tmp_path: Path) -> None:
    steps, secret = traded(tmp_path), ledger_secret(tmp_path)
    assert ledger_secret(tmp_path) == secret
    one, other = (ledger_of(secret, steps) for _ in range(2))
    assert [head.to_json() for head in one.heads] == [head.to_json() for head in other.heads]


def test_another_secret_hides_the_same_content_otherwise(tmp_path: Path) -> None:
    steps, secret = traded(tmp_path), ledger_secret(tmp_path)
    (tmp_path / "other").mkdir()
    other = LedgerSecret(secret.log, ledger_secret(tmp_path / "other").salts)
    entries = [ledger_of(each, steps).entry(3, steps[3]).sealed["step"] for each in (secret, other)]
    assert entries[0] != entries[1]


@pytest.mark.parametrize("view", list(View))
def test_the_export_of_the_store_verifies(view: View, tmp_path: Path) -> None:
    steps, secret = traded(tmp_path), ledger_secret(tmp_path)
    path = tmp_path / "ledger.export"

    async def go() -> None:
        async with open_store(f"sqlite:///{tmp_path / 'events.db'}") as store:
            head = await export_ledger(store, AREA, secret, "market", key_of("market"), path, view)
            assert head.to_json() == ledger_of(secret, steps).heads[-1].to_json()

    asyncio.run(go())
    [found] = verify(path, Trust())
    assert found.difference is None
    if view is View.AUDIT:
        assert found.counts.checked["commands decided again"] > 10


def test_without_a_gate_that_has_closed_there_is_no_head(tmp_path: Path) -> None:
    steps, secret = traded(tmp_path)[:3], ledger_secret(tmp_path)
    ledger = ledger_of(secret, steps)
    assert ledger.head is None
    with pytest.raises(InputError, match="no head yet"):
        ledger.inclusion(0, steps[0])
