"""The ledger over REST: signed heads, proofs that an entry is in it and that it only grew, a member's own content opened."""

from collections.abc import Sequence

import msgspec
from litestar import Router
from litestar.exceptions import NotFoundException, ValidationException

from gridpact.errors import InputError
from gridpact.ledger import SignedHead, encode_rows, to_text
from gridpact.service.web.describing import Count, Member, Position, Size, reading
from gridpact.service.web.guard import only_itself
from gridpact.service.web.site import Here, Records, Site

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
    """That the first ``older`` entries are the beginning of the first ``size``."""

    older: int
    size: int
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
    return [as_head(signed) for signed in _kept(site).ledger.heads[first : first + MOST_HEADS]]


@reading("/ledger/entries/{seq:int}", "An entry, and the proof that it is in the ledger", may_fail=(404,))
async def entry(site: Here, seq: Position) -> EntryProof:
    """Of a durable step; its content is committed to and not shown. Covered as soon as an interval moves on after it."""
    kept = _kept(site)
    head = kept.ledger.head
    if head is None or seq >= head.head.size:
        raise NotFoundException("no such entry below the newest head")
    found = kept.ledger.inclusion(seq, await kept.step(seq), head.head.size)
    return EntryProof(seq, found.leaf.decode(), _texts(found.hashes), as_head(head))


@reading("/ledger/growth", "The proof that the ledger only grew", may_fail=(404,))
async def growth(site: Here, older: Size, size: Size) -> GrowthProof:
    """Between two sizes, as two heads state them."""
    try:
        found = _kept(site).ledger.consistency(older, size)
    except InputError as error:
        raise ValidationException(str(error)) from None
    return GrowthProof(older, size, _texts(found))


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
    (opening,) = kept.ledger.entry(seq, await kept.step(seq)).openings.values()
    row = next(iter(encode_rows(opening.columns)))
    return OwnEntry(seq, opening.commitments()[0], to_text(opening.salts[0]), row.decode())


PROOFS = Router("/", route_handlers=[ledger, heads, entry, growth, own_entries, own_entry])


def state_of(site: Site) -> LedgerState:
    """The ledger as it stands; raises `NotFoundException` if none is kept."""
    kept, area = _kept(site).ledger, site.state.rules.area
    newest = None if kept.head is None else as_head(kept.head)
    return LedgerState(area, kept.log, kept.keeper, to_text(kept.public), kept.size, len(kept.heads), newest)


def own_positions(site: Site, member: str) -> list[int]:
    """Positions of the entries of a member's own commands, the newest first."""
    known = _kept(site).ledger.size
    return [seq for seq in reversed(site.window.own.get(member, ())) if seq < known]


def as_head(signed: SignedHead) -> Head:
    """A head as it is shown."""
    head = signed.head
    previous = None if head.previous is None else to_text(head.previous)
    content = head.content.decode()
    return Head(head.log, head.size, to_text(head.root), head.time, previous, to_text(signed.signature), content)


def _kept(site: Site) -> Records:
    if site.records is None:
        raise NotFoundException("no ledger is kept here")
    return site.records


def _texts(hashes: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(map(to_text, hashes))
