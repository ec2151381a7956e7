"""The Merkle log against the vectors of Certificate Transparency and a recomputation by the definition."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridpact.errors import InputError
from gridpact.ledger import MerkleLog, leaf_hash, verify_consistency, verify_inclusion

# The eight leaves of the reference tests of Certificate Transparency, their roots and published proofs
LEAVES = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
A, B, C = (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
)
D, E = (
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
)
INCLUSION = {(0, 1): [], (0, 8): [A, B, C], (5, 8): [D, E, ROOTS[3]], (2, 3): [ROOTS[1]], (1, 5): [ROOTS[0], B, D]}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [A, B, C],
    (6, 8): ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a", E, ROOTS[3]],
    (2, 5): [B, D],
}


def by_definition(leaves: list[bytes]) -> bytes:
    """The root as RFC 6962, 2.1, defines it."""
    if len(leaves) <= 1:
        return hashlib.sha256(b"".join([b"\x00" + leaf for leaf in leaves])).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


def test_the_roots_of_one_to_eight_leaves_are_those_of_certificate_transparency() -> None:
    log = MerkleLog()
    assert log.root() == hashlib.sha256(b"").digest()
    for leaf, root in zip(LEAVES, ROOTS, strict=True):
        log.append(leaf)
        assert log.root().hex() == root
    assert [log.root(size).hex() for size in range(1, 9)] == ROOTS


@pytest.mark.parametrize(("position", "size"), INCLUSION)
def test_inclusion_proofs_are_those_of_certificate_transparency(position: int, size: int) -> None:
    proof = MerkleLog(LEAVES).inclusion_proof(position, size)
    assert [each.hex() for each in proof] == INCLUSION[position, size]


@pytest.mark.parametrize(("older", "size"), CONSISTENCY)
def test_consistency_proofs_are_those_of_certificate_transparency(older: int, size: int) -> None:
    proof = MerkleLog(LEAVES).consistency_proof(older, size)
    assert [each.hex() for each in proof] == CONSISTENCY[older, size]


def test_every_root_up_to_seventy_leaves_is_the_one_of_the_definition() -> None:
    leaves = [bytes([n]) * (n % 5) for n in range(70)]
    log = MerkleLog(leaves)
    assert [log.root(n) for n in range(71)] == [by_definition(leaves[:n]) for n in range(71)]


@given(st.data())
def test_a_proof_holds_for_its_leaf_and_for_no_other(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 70))
    leaves = [bytes([n]) for n in range(count)]
    log = MerkleLog(leaves)
    size = data.draw(st.integers(1, count))
    position = data.draw(st.integers(0, size - 1))
    proof, root = log.inclusion_proof(position, size), log.root(size)
    found = leaf_hash(leaves[position])
    assert verify_inclusion(found, position, size, proof, root)
    assert not verify_inclusion(leaf_hash(b"other"), position, size, proof, root)
    assert not verify_inclusion(found, position, size, [*proof, root], root)
    assert not verify_inclusion(found, position, size, proof, leaf_hash(b"root"))
    other = data.draw(st.integers(-1, size + 1).filter(lambda at: at != position))
    assert not verify_inclusion(found, other, size, proof, root)
    if proof:
        assert not verify_inclusion(found, position, size, proof[:-1], root)


@given(st.data())
def test_a_tree_is_consistent_with_its_beginnings_and_with_no_other(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 70))
    log = MerkleLog(bytes([n]) for n in range(count))
    size = data.draw(st.integers(1, count))
    older = data.draw(st.integers(1, size))
    proof, before, after = log.consistency_proof(older, size), log.root(older), log.root(size)
    assert verify_consistency(older, size, proof, before, after)
    fork = MerkleLog(bytes([n + 1]) for n in range(count))
    assert not verify_consistency(older, size, proof, fork.root(older), after)
    assert not verify_consistency(older, size, proof, before, fork.root(size))
    assert not verify_consistency(older, size, [*proof, after], before, after)
    assert not verify_consistency(size + 1, size, proof, before, after)
    assert not verify_consistency(0, size, [], before, after)
    if proof:
        assert not verify_consistency(older, size, proof[:-1], before, after)


def test_a_leaf_cannot_pass_for_a_node() -> None:
    two = MerkleLog([b"a", b"b"])
    forged = leaf_hash(b"a") + leaf_hash(b"b")
    assert MerkleLog([forged]).root() != two.root()
    assert MerkleLog([b"\x01" + forged]).root() != two.root()


@pytest.mark.parametrize(
    "call",
    [
        lambda log: log.root(4),
        lambda log: log.root(-1),
        lambda log: log.inclusion_proof(3),
        lambda log: log.inclusion_proof(1, 1),
        lambda log: log.consistency_proof(0),
        lambda log: log.consistency_proof(3, 2),
    ],
)
def test_a_size_that_the_tree_does_not_have_is_refused(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="a tree of"):
        call(MerkleLog([b"a", b"b", b"c"]))
