"""A Merkle tree that only grows, and proofs that a leaf is in it and that an older tree is its beginning (RFC 6962, 2.1).

Leaves are hashed with the prefix 0x00, nodes with 0x01, so that none can pass for the other. A tree of n leaves splits at the
largest power of two below n.
"""

from collections.abc import Iterable, Sequence

from gridpact.errors import InputError
from gridpact.ledger.encoding import HASH_BYTES, sha256

EMPTY_ROOT = sha256(b"")


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of a leaf."""
    return sha256(b"\x00" + leaf)


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node over its two children."""
    return sha256(b"\x01" + left + right)


class MerkleLog:
    """A tree that grows leaf by leaf. All complete subtrees are kept: 64 bytes a leaf.

    Examples
    --------
    >>> log = MerkleLog([b"a", b"b", b"c"])
    >>> verify_inclusion(leaf_hash(b"b"), 1, 3, log.inclusion_proof(1), log.root())
    True
    >>> older, size = log.root(), len(log)
    >>> log.append(b"d")
    3
    >>> verify_consistency(size, len(log), log.consistency_proof(size), older, log.root())
    True
    """

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[bytearray] = [bytearray()]
        for leaf in leaves:
            self.append(leaf)

    def __len__(self) -> int:
        return len(self._levels[0]) // HASH_BYTES

    def append(self, leaf: bytes) -> int:
        """Add a leaf; return its position. Amortised one node a leaf, at most log2 n at once."""
        position = at = len(self)
        found, level = leaf_hash(leaf), 0
        self._levels[0] += found
        while at & 1:
            found = node_hash(bytes(self._levels[level][-2 * HASH_BYTES : -HASH_BYTES]), found)
            at, level = at >> 1, level + 1
            if level == len(self._levels):
                self._levels.append(bytearray())
            self._levels[level] += found
        return position

    def root(self, size: int | None = None) -> bytes:
        """Root of the first `size` leaves, of all by default."""
        size = self._checked(len(self) if size is None else size, at_least=0)
        return self._subtree(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, position: int, size: int | None = None) -> list[bytes]:
        """Hashes that lead from a leaf to the root of the first `size` leaves, from the bottom up: RFC 6962, 2.1.1."""
        size = self._checked(len(self) if size is None else size, at_least=position + 1)
        proof, first, last = [], 0, size
        while last - first > 1:
            split = first + _split(last - first)
            left = position < split
            proof.append(self._subtree(split, last) if left else self._subtree(first, split))
            first, last = (first, split) if left else (split, last)
        return proof[::-1]

    def consistency_proof(self, older: int, size: int | None = None) -> list[bytes]:
        """Hashes that show the first `older` leaves to be the beginning of the first `size`: RFC 6962, 2.1.2."""
        size = self._checked(len(self) if size is None else size, at_least=older)
        if older < 1:
            raise InputError(f"a tree of {older} leaves", place="consistency proof", accepted="a size from 1 up")
        proof, first, last, whole = [], 0, size, True
        while older != last:
            split = first + _split(last - first)
            left = older <= split
            proof.append(self._subtree(split, last) if left else self._subtree(first, split))
            first, last = (first, split) if left else (split, last)
            whole = whole and left
        return ([] if whole else [self._subtree(first, last)]) + proof[::-1]

    def _subtree(self, first: int, last: int) -> bytes:
        """Root over the leaves ``first:last``, where `first` is a multiple of the next power of two of their number."""
        count = last - first
        if count & (count - 1) == 0:
            level = count.bit_length() - 1
            at = (first >> level) * HASH_BYTES
            return bytes(self._levels[level][at : at + HASH_BYTES])
        split = first + _split(count)
        return node_hash(self._subtree(first, split), self._subtree(split, last))

    def _checked(self, size: int, *, at_least: int) -> int:
        if not max(at_least, 0) <= size <= len(self):
            accepted = f"{max(at_least, 0)} to {len(self)} leaves"
            raise InputError(f"a tree of {size} leaves", place="Merkle log", accepted=accepted)
        return size


def verify_inclusion(leaf: bytes, position: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof leads from a leaf's hash to a root: RFC 9162, 2.1.3.2.

    Parameters
    ----------
    leaf
        Hash of the leaf.
    position, size
        Where the leaf stands, and in a tree of how many.
    proof, root
        What `MerkleLog.inclusion_proof` and `MerkleLog.root` gave.
    """
    if not 0 <= position < size:
        return False
    at, last, found = position, size - 1, leaf
    for other in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(other, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, other)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(older: int, size: int, proof: Sequence[bytes], older_root: bytes, root: bytes) -> bool:
    """Whether a proof shows one tree to be the beginning of another: RFC 9162, 2.1.4.2.

    Parameters
    ----------
    older, size
        How many leaves the two trees have; the older at least one.
    proof
        What `MerkleLog.consistency_proof` gave.
    older_root, root
        Roots of the two.
    """
    if not 1 <= older <= size:
        return False
    if older == size:
        return not proof and older_root == root
    path = list(proof) if older & (older - 1) else [older_root, *proof]
    if not path:
        return False
    at, last = older - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(other, first), node_hash(other, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, other)
        at, last = at >> 1, last >> 1
    return last == 0 and first == older_root and second == root


def _split(count: int) -> int:
    """The largest power of two below a number from 2 up."""
    return 1 << ((count - 1).bit_length() - 1)
