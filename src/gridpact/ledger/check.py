"""Whether a log is what it claims: signatures, order, tree, heads, witnesses, commitments. Not what its entries mean."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gridpact.errors import GridpactError, InputError
from gridpact.ledger.encoding import to_text
from gridpact.ledger.entry import Entry
from gridpact.ledger.export import End, Header, Line, View
from gridpact.ledger.heads import SignedHead, TreeHead
from gridpact.ledger.merkle import MerkleLog


class DifferenceError(GridpactError):
    """Something in a log does not follow from the rest of it.

    Parameters
    ----------
    where
        Which entry or head, in words.
    claimed, found
        What it says, and what is so.
    follows
        What that means for whoever relies on the log.
    """

    def __init__(self, where: str, claimed: str, found: str, follows: str) -> None:
        self.where, self.claimed, self.found, self.follows = where, claimed, found, follows
        super().__init__(f"{where}: claimed {claimed}; found {found}. What follows: {follows}")

    def __reduce__(self) -> tuple[object, ...]:
        return DifferenceError, (self.where, self.claimed, self.found, self.follows)


@dataclass(slots=True)
class Counts:
    """What was checked, by what it is, and what could not be, with how often or why."""

    checked: dict[str, int] = field(default_factory=dict)
    not_checked: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, number: int = 1) -> None:
        """Count so many more of a kind; none at all is not listed."""
        if number:
            self.checked[what] = self.checked.get(what, 0) + number


def name_entry(entry: Entry) -> str:
    """An entry in words."""
    interval = entry.body.get("interval")
    return f"entry {entry.seq} ({entry.kind}" + f", interval {interval}" * (interval is not None) + ")"


class LogCheck:
    """Checks one log, line by line.

    Parameters
    ----------
    header
        Its keys are taken as they are: whether they are to be trusted, is decided before.
    counts
        Where what is checked is counted.
    known
        Heads of this log that are known from elsewhere, signatures apart.
    """

    def __init__(self, header: Header, counts: Counts, known: Mapping[int, TreeHead] | None = None) -> None:
        self.header, self.counts = header, counts
        self._known = dict(known or {})
        self._tree = MerkleLog()
        self._last: TreeHead | None = None

    @property
    def head(self) -> TreeHead | None:
        """The last head."""
        return self._last

    def check(self, line: Line) -> None:
        """Check the next line.

        Raises
        ------
        DifferenceError
            At the first thing that does not hold.
        """
        match line:
            case Entry():
                self._check_entry(line)
            case SignedHead():
                self._check_head(line)
            case End():
                self._check_end()
            case Header():
                raise ValueError("a header starts another check")

    def _check_entry(self, entry: Entry) -> None:
        where, seq = name_entry(entry), len(self._tree)
        if entry.log != self.header.log:
            follows = "it belongs to another log: it was replayed from there"
            raise DifferenceError(where, f"log {entry.log}", f"log {self.header.log}", follows)
        if not entry.signed_by_author(self.header.keys):
            follows = f"{entry.author} did not state this: it was edited or made up"
            raise DifferenceError(where, f"signed by {entry.author}", "a signature that does not hold", follows)
        if entry.seq != seq:
            happened = "entries before it were deleted" if entry.seq > seq else "it was replayed"
            follows = f"{happened}, or entries were reordered"
            raise DifferenceError(where, f"position {entry.seq}", f"position {seq}", follows)
        self._tree.append(entry.leaf)
        self.counts.add("entries with the signature of their author")
        self._check_openings(entry, where)
        self._check_known(len(self._tree))

    def _check_openings(self, entry: Entry, where: str) -> None:
        if self.header.view is View.PUBLIC:
            if entry.openings:
                raise InputError(f"{where} is opened", place="public export", accepted="commitments alone")
            return
        if entry.openings.keys() != entry.sealed.keys():
            found = f"{', '.join(sorted(entry.openings)) or 'nothing'} opened"
            raise DifferenceError(where, f"{', '.join(sorted(entry.sealed))} sealed", found, "content is missing")
        for name, opening in entry.openings.items():
            claimed, made = entry.sealed[name], opening.commitments()
            if len(claimed) != len(made):
                raise DifferenceError(where, f"{len(claimed)} {name}", f"{len(made)}", "content is missing or made up")
            for row, (one, other) in enumerate(zip(claimed, made, strict=True)):
                if one != other:
                    content = {column: values[row] for column, values in opening.columns.items()}
                    follows = "this content is not what was logged"
                    raise DifferenceError(f"{where}, {name}, row {row}", f"commitment {one}", f"{content}", follows)
            self.counts.add("commitments opened", len(made))

    def _check_head(self, signed: SignedHead) -> None:
        head, where = signed.head, f"head of {signed.head.size} entries"
        keeper, root = self.header.keeper, self._tree.root()
        if head.log != self.header.log:
            raise DifferenceError(where, f"log {head.log}", f"log {self.header.log}", "it belongs to another log")
        if head.size != len(self._tree):
            follows = "entries were deleted or added, or heads reordered"
            raise DifferenceError(where, f"{head.size} entries", f"{len(self._tree)}", follows)
        if head.root != root:
            follows = f"an entry since the head before was replaced by another, or {keeper} signed another history"
            raise DifferenceError(where, f"root {to_text(head.root)}", f"root {to_text(root)}", follows)
        if not signed.signed_by(keeper, self.header.keys):
            follows = f"{keeper} did not state this"
            raise DifferenceError(where, f"signed by {keeper}", "a signature that does not hold", follows)
        self._check_chain(head, where)
        self._check_witnesses(signed, where)
        self.counts.add("tree heads with root, signature and chain")
        self._last = head

    def _check_chain(self, head: TreeHead, where: str) -> None:
        previous = None if self._last is None else self._last.hash
        if head.previous != previous:
            claimed, found = (to_text(each) if each else "none" for each in (head.previous, previous))
            raise DifferenceError(
                where, f"previous head {claimed}", f"{found}", "a head is missing, or the history forked"
            )
        if self._last is not None and head.time < self._last.time:
            raise DifferenceError(where, f"time {head.time}", f"{self._last.time} before", "heads were reordered")

    def _check_witnesses(self, signed: SignedHead, where: str) -> None:
        valid = set(signed.witnessed_by(self.header.keys))
        for name in signed.witnesses:
            if name not in valid:
                follows = f"{name} did not sign this history"
                raise DifferenceError(where, f"witnessed by {name}", "a signature that does not hold", follows)
        vouching = valid & set(self.header.witnesses)
        if len(vouching) < self.header.quorum:
            follows = "nobody but the keeper vouches that all were shown this history: it may have forked"
            claimed = f"{self.header.quorum} of {len(self.header.witnesses)} witnesses"
            raise DifferenceError(where, claimed, f"{len(vouching)}", follows)
        self.counts.add("signatures of witnesses", len(vouching))

    def _check_known(self, size: int) -> None:
        head = self._known.pop(size, None)
        if head is None:
            return
        root = self._tree.root()
        if head.root != root:
            follows = "two histories were shown: the log forked"
            raise DifferenceError(
                f"head of {size} entries", f"root {to_text(head.root)}", f"root {to_text(root)}", follows
            )
        self.counts.add("heads known from elsewhere")

    def _check_end(self) -> None:
        covered = 0 if self._last is None else self._last.size
        if covered != len(self._tree):
            follows = "what comes after the last head is vouched for by nobody but its author"
            raise DifferenceError("end of the log", f"{len(self._tree)} entries", f"{covered} under a head", follows)
        for size in self._known:
            follows = "entries were deleted from the end, or the log forked"
            raise DifferenceError("end of the log", f"a head of {size} entries", f"{len(self._tree)} entries", follows)


def known_heads(lines: Iterator[tuple[int, Line]], log: str) -> dict[int, TreeHead]:
    """The heads of one log among the lines of an export, by size."""
    return {line.head.size: line.head for _, line in lines if isinstance(line, SignedHead) and line.head.log == log}
