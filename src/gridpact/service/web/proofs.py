"""The ledger over REST: signed heads, proofs that an entry is in it and that it only grew, a member's own content opened."""

from collections.abc import Sequence

import msgspec
from litestar import Router
from litestar.exceptions import NotFoundException, ValidationException

from gridpact.exchange.proof.journal import TABLE
from gridpact.ledger import SignedHead, encode_rows, to_text
from gridpact.service.ledger import LiveLedger
from gridpact.service.web.describing import Count, Member, Position, Size, reading
from gridpact.service.web.guard import only_itself
from gridpact.service.web.site import Here, Site

MOST_HEADS = 100


class Head(msgspec.Struct, frozen=True):
    """A signed state of the log: see ``docs/ledger.md``, formats. ``content`` is the canonical JSON that is signed."""

    log: str
    size: int
    root: str
    time: str
    previous: str | None
    signature: str
    content: str


class LedgerState(msgspec.Struct, frozen=True):
    """The log, who keeps it with which key, how many entries and heads it has, and its newest head."""

    area: str
    log: str
    keeper: str
    key: str
    entries: int
    heads: int
    head: Head | None


class EntryProof(msgspec.Struct, frozen=True):
    """An entry as the leaf that is hashed, and the way from it to the root of the newest head."""

    seq: int
    leaf: str
    proof: tuple[str, ...]
    head: Head


class GrowthProof(msgspec.Struct, frozen=True):
    """That the first ``older`` entries are the beginning of the first ``size``; both roots."""

    older: int
    size: int
    older_root: str
    root: str
    proof: tuple[str, ...]


class OwnEntry(msgspec.Struct, frozen=True):
    """What a member's own command has made: content and salt open the commitment in the entry."""

    seq: int
    commitment: str
    salt: str
    row: str


@reading("/ledger", "The ledger and its newest head", may_fail=(404,))
async def ledger(site: Here) -> LedgerState:
    """Whoever keeps the head can be shown later that the log only grew since."""
    return state_of(site)


@reading("/ledger/heads", "Signed heads", may_fail=(404,))
async def heads(site: Here, first: Count = 0) -> list[Head]:
    """From a number on, the oldest first, at most 100."""
    return [as_head(signed) for signed in _kept(site).heads[first : first + MOST_HEADS]]


@reading("/ledger/entries/{seq:int}", "An entry, and the proof that it is in the ledger", may_fail=(404,))
async def entry(site: Here, seq: Position) -> EntryProof:
    """Of a durable step; its content is committed to and not shown. Covered as soon as an interval moves on after it."""
    kept = _kept(site)
    signed = kept.covering(seq)
    if signed is None:
        raise NotFoundException("no such entry below the newest head")
    found = await kept.entry(seq)
    proof = kept.tree.inclusion_proof(seq, signed.head.size)
    return EntryProof(seq, found.leaf.decode(), _texts(proof), as_head(signed))


@reading("/ledger/growth", "The proof that the ledger only grew", may_fail=(404,))
async def growth(site: Here, older: Size, size: Size) -> GrowthProof:
    """Between two sizes, as two heads state them."""
    tree = _kept(site).tree
    if not 1 <= older <= size <= len(tree):
        raise ValidationException(f"older and size: 1 to {len(tree)}, older first")
    roots = to_text(tree.root(older)), to_text(tree.root(size))
    return GrowthProof(older, size, *roots, _texts(tree.consistency_proof(older, size)))


@reading("/members/{member:str}/ledger", "Entries of a member's own commands", only_itself, may_fail=(404,))
async def own_entries(site: Here, member: Member) -> list[int]:
    """Their positions, the newest first, at most 200."""
    return own_positions(site, member)


@reading("/members/{member:str}/ledger/{seq:int}", "An own entry, opened", only_itself, may_fail=(404,))
async def own_entry(site: Here, member: Member, seq: Position) -> OwnEntry:
    """The command that the member or its meter signed and what came of it, with the salt of its commitment."""
    kept = _kept(site)
    if seq not in own_positions(site, member):
        raise NotFoundException("not an entry of this member's commands, or an old one")
    opening = (await kept.entry(seq)).openings[TABLE]
    row = next(iter(encode_rows(opening.columns)))
    return OwnEntry(seq, opening.commitments()[0], to_text(opening.salts[0]), row.decode())


PROOFS = Router("/", route_handlers=[ledger, heads, entry, growth, own_entries, own_entry])


def state_of(site: Site) -> LedgerState:
    """The ledger as it stands; raises `NotFoundException` if none is kept."""
    kept = _kept(site)
    newest = as_head(kept.heads[-1]) if kept.heads else None
    key = to_text(kept.key.public)
    return LedgerState(kept.area, kept.log, kept.keeper, key, len(kept.tree), len(kept.heads), newest)


def own_positions(site: Site, member: str) -> list[int]:
    """Positions of the entries of a member's own commands, the newest first."""
    return list(reversed(_kept(site).own.get(member, ())))


def as_head(signed: SignedHead) -> Head:
    """A head as it is shown."""
    head = signed.head
    previous = None if head.previous is None else to_text(head.previous)
    content = head.content.decode()
    return Head(head.log, head.size, to_text(head.root), head.time, previous, to_text(signed.signature), content)


def _kept(site: Site) -> LiveLedger:
    if site.ledger is None:
        raise NotFoundException("no ledger is kept here")
    return site.ledger


def _texts(hashes: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(map(to_text, hashes))
