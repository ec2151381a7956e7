"""The ledger of a live area: the entries of `gridpact.exchange.proof`, one a durable step, in a tree whose heads are signed.

It is a function of the steps in the store and of the exchange's key, salts included, so it needs no storage of its own: what is
kept is the tree, 64 bytes a step, and an entry is made again when somebody asks for it. It follows the store at its own pace
and never delays the writer.
"""

import asyncio
import hashlib
import hmac
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from gridpact.errors import InputError
from gridpact.exchange import Role, Step
from gridpact.exchange.proof.journal import STEP, TABLE, actors_of, body_of, ends_part, table_of, time_of
from gridpact.ledger import Entry, MerkleLog, SignedHead, SigningKey, TreeHead, seal, to_text
from gridpact.ledger.export import LOG_BYTES
from gridpact.service.store import Store

AT_ONCE = 200
"""Steps that are entered in one go, beside the loop."""
PAUSE_S = 0.2
MOST_OWN = 200
"""Entries of a member that are remembered, the newest."""
SALTS, NAME = b"gridpact/v1/ledger salts\n", b"gridpact/v1/ledger name\n"


@dataclass(slots=True)
class LiveLedger:
    """See the module.

    Attributes
    ----------
    store, area
        Whose steps it enters.
    keeper, key
        The exchange, who signs entries and heads.
    tree, heads
        So far; a head whenever an interval is cleared, accepted or settled.
    own
        Positions of the entries that a member's or its meter's command has made, by member.
    """

    store: Store
    area: str
    keeper: str
    key: SigningKey
    tree: MerkleLog = field(default_factory=MerkleLog)
    heads: list[SignedHead] = field(default_factory=list)
    own: dict[str, deque[int]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=MOST_OWN)))
    _owner: dict[str, str] = field(default_factory=dict)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def log(self) -> str:
        """The name of the log: of this area and this key, and of no other."""
        return to_text(self._derived(NAME + self.area.encode())[:LOG_BYTES])

    async def run(self) -> None:
        """Follow the store until cancelled."""
        while True:
            if not await self.follow(AT_ONCE):
                await asyncio.sleep(PAUSE_S)

    async def follow(self, most: int | None = None) -> int:
        """Enter what has become durable, at most so many steps; gives how many."""
        async with self._one:
            found = await self._read(len(self.tree), most)
            for first in range(0, len(found), AT_ONCE):
                await asyncio.to_thread(self._enter, found[first : first + AT_ONCE])
            return len(found)

    async def entry(self, seq: int) -> Entry:
        """The entry at a position, made again from its step.

        Raises
        ------
        InputError
            If there is none.
        """
        if not 0 <= seq < len(self.tree):
            raise InputError(f"entry {seq}", place=f"ledger of {self.area}", accepted=f"0 to {len(self.tree) - 1}")
        return self._made(seq, (await self._read(seq, 1))[0])

    def covering(self, seq: int) -> SignedHead | None:
        """The newest head, if the entry is below it."""
        return self.heads[-1] if self.heads and seq < self.heads[-1].head.size else None

    async def _read(self, first: int, most: int | None) -> list[Step]:
        return [step async for step in self.store.read(self.area, first, most)]

    def _enter(self, steps: Sequence[Step]) -> None:
        for step in steps:
            seq = len(self.tree)
            self.tree.append(self._made(seq, step).leaf)
            for actor in (actor for event in step.events for actor in actors_of(event)):
                if actor.role in (Role.MEMBER, Role.METER):
                    self._owner[actor.id] = actor.id if actor.role == Role.MEMBER else actor.of
            if step.command is not None and (member := self._owner.get(step.command.author)):
                self.own[member].append(seq)
            if ends_part(step):
                self._sign_head(step.at)

    def _sign_head(self, at: int) -> None:
        previous = self.heads[-1].head.hash if self.heads else None
        head = TreeHead(self.log, len(self.tree), self.tree.root(), time_of(at), previous)
        self.heads.append(SignedHead.sign(head, self.key))

    def _made(self, seq: int, step: Step) -> Entry:
        sealed = {TABLE: seal(table_of(step), self._salts(seq))}
        return Entry.sign(self.log, seq, self.keeper, self.key, STEP, msgspec.to_builtins(body_of(step)), sealed)

    def _salts(self, seq: int) -> Callable[[int], bytes]:
        """Salts that nobody without the key can tell from random ones, and that are the same each time."""
        return lambda count: hashlib.shake_256(self._derived(SALTS + str(seq).encode())).digest(count)

    def _derived(self, purpose: bytes) -> bytes:
        return hmac.digest(self.key.secret, purpose, "sha256")
