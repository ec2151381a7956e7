"""A log as its keeper runs it: entries are signed and appended, heads are signed and witnessed."""

import secrets
from collections.abc import Mapping, Sequence

from gridpact.errors import ForkError, InputError
from gridpact.ledger.canonical import Json
from gridpact.ledger.entry import Entry
from gridpact.ledger.export import ExportWriter, Header
from gridpact.ledger.heads import SignedHead, TreeHead
from gridpact.ledger.keys import Entropy, SigningKey
from gridpact.ledger.merkle import MerkleLog
from gridpact.ledger.sealing import seal
from gridpact.ledger.witness import Witness


class Log:
    """Appends entries and signs heads; every line goes to the writer at once.

    Parameters
    ----------
    header
        Name of the log, keeper, public keys, quorum.
    authors
        Private keys of those who make entries here, the keeper among them.
    witnesses
        Those of the header's witnesses who can be reached.
    writer
        Where lines go.
    entropy
        Where salts come from.
    begin
        Position of the first entry, for whoever makes a single one again; such a log has no heads.
    """

    def __init__(
        self,
        header: Header,
        authors: Mapping[str, SigningKey],
        witnesses: Sequence[Witness],
        writer: ExportWriter,
        entropy: Entropy = secrets.token_bytes,
        begin: int = 0,
    ) -> None:
        self.header = header
        self._authors, self._witnesses, self._writer, self._entropy = authors, witnesses, writer, entropy
        self.tree, self._begin = MerkleLog(), begin
        self._last: TreeHead | None = None

    def append(
        self,
        author: str,
        kind: str,
        body: Mapping[str, Json],
        tables: Mapping[str, Mapping[str, Sequence[Json]]] | None = None,
    ) -> int:
        """Sign and append an entry.

        Parameters
        ----------
        author, kind, body
            As in `Entry`.
        tables
            Tables by name that the entry commits to, columns by name; empty ones are left out.

        Returns
        -------
        The entry's position.
        """
        sealed = {
            name: seal(columns, self._entropy)
            for name, columns in (tables or {}).items()
            if len(next(iter(columns.values())))
        }
        seq = self._begin + len(self.tree)
        entry = Entry.sign(self.header.log, seq, author, self._authors[author], kind, body, sealed)
        self.tree.append(entry.leaf)
        self._writer.entry(entry)
        return seq

    def sign_head(self, time: str) -> SignedHead:
        """State the log as it is, and have it witnessed.

        Raises
        ------
        ForkError
            If fewer witnesses than the quorum sign.
        """
        size = len(self.tree)
        if size == 0 or self._begin:
            raise InputError("a log without entries", place="tree head", accepted="an entry first")
        previous = None if self._last is None else self._last.hash
        head = TreeHead(self.header.log, size, self.tree.root(), time, previous)
        signed = SignedHead.sign(head, self._authors[self.header.keeper])
        proof = [] if self._last is None else self.tree.consistency_proof(self._last.size)
        refusals = []
        for witness in self._witnesses:
            try:
                signed = witness.cosign(signed, proof, self.header.keeper, self.header.keys)
            except ForkError as refused:
                refusals.append(str(refused))
        if len(signed.witnesses) < self.header.quorum:
            few = f"{len(signed.witnesses)} of {self.header.quorum} witnesses sign head {size}"
            raise ForkError("; ".join([few, *refusals]))
        self._last = head
        self._writer.head(signed)
        return signed
