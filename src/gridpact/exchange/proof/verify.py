"""Verify an export offline: from the file and public keys alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gridpact.errors import InputError
from gridpact.exchange.proof.check import AreaCheck
from gridpact.exchange.proof.journal import STEP
from gridpact.exchange.proof.steps import StepCheck
from gridpact.ledger import (
    Counts,
    DifferenceError,
    Directory,
    End,
    Entry,
    Header,
    LogCheck,
    TreeHead,
    known_heads,
    read_export,
    same_keys,
)


@dataclass(frozen=True, slots=True)
class Trust:
    """What is known from elsewhere than the export.

    Attributes
    ----------
    keys
        Public keys that are trusted. None: those that the export brings, if their fingerprint is the trusted one.
    fingerprint
        Of the keys that the export brings. None, without keys: these are taken as they are, and only show that the export
        agrees with itself.
    heads
        An export (an older one, or that of somebody else) whose heads of the same logs must be in this one.
    witnesses
        How many must have co-signed every head, whatever the log asks of itself.
    """

    keys: Directory | None = None
    fingerprint: str | None = None
    heads: Path | None = None
    witnesses: int = 0

    @property
    def anything(self) -> bool:
        """Whether the keys are trusted for a reason."""
        return self.keys is not None or self.fingerprint is not None


@dataclass(slots=True)
class Verified:
    """What was found in one log.

    Attributes
    ----------
    header
        Of the log.
    counts
        What was checked, and what could not be.
    what
        The market, in words; empty if the opening could not be read.
    flags
        What is no difference and looks wrong.
    head
        The last head that holds.
    difference
        The first thing that does not follow; None if everything does.
    """

    header: Header
    counts: Counts = field(default_factory=Counts)
    what: str = ""
    flags: list[str] = field(default_factory=list)
    head: TreeHead | None = None
    difference: DifferenceError | None = None


def verify(path: Path, trust: Trust) -> list[Verified]:
    """Verify the logs of an export, up to the first difference.

    Raises
    ------
    InputError
        If the file is damaged, or its keys are not those that are trusted.
    """
    found: list[Verified] = []
    for number, line in read_export(path):
        if isinstance(line, Header):
            _refuse_untrusted(line, trust, path)
            found.append(Verified(line))
            log = LogCheck(line, found[-1].counts, _known(line, trust))
            content: _Content | None = None
            continue
        try:
            log.check(line)
            if isinstance(line, Entry):
                content = content or _content(line, found[-1])
                content.check(line)
            elif isinstance(line, End):
                _end(content)
        except DifferenceError as difference:
            found[-1].difference = difference
        except InputError as error:
            raise InputError(error.found, place=f"{path} line {number}", accepted=error.accepted) from None
        found[-1].head = log.head
        if content is not None:
            found[-1].flags, found[-1].what = content.flags, content.what
        if found[-1].difference is not None:
            break
    return found


class _Content(Protocol):
    """Knows what entries mean."""

    flags: list[str]

    @property
    def what(self) -> str: ...

    def check(self, entry: Entry) -> None: ...

    def finish(self) -> None: ...


def _content(entry: Entry, found: Verified) -> _Content:
    """The journal of an exchange, or the columns of a study: the first entry says which."""
    kind = StepCheck if entry.kind == STEP else AreaCheck
    return kind(found.header, found.counts)


def _end(content: _Content | None) -> None:
    if content is None:
        raise DifferenceError("end of the log", "a market", "no entry", "there is nothing to verify")
    content.finish()


def _refuse_untrusted(header: Header, trust: Trust, path: Path) -> None:
    try:
        if trust.keys is not None:
            same_keys(header.keys, trust.keys)
        if trust.fingerprint is not None and header.keys.fingerprint != trust.fingerprint:
            raise InputError(
                f"the fingerprint of its keys is {header.keys.fingerprint}", accepted=f"{trust.fingerprint}, as given"
            )
        if header.quorum < trust.witnesses:
            found = f"its heads are held by {header.quorum} of {len(header.witnesses)} witnesses"
            raise InputError(found, accepted=f"at least {trust.witnesses}, as asked for")
    except InputError as error:
        raise InputError(error.found, place=str(path), accepted=error.accepted) from None


def _known(header: Header, trust: Trust) -> Mapping[int, TreeHead]:
    if trust.heads is None:
        return {}
    heads = known_heads(read_export(trust.heads), header.log)
    if not heads:
        found = f"has no head of log {header.log}"
        raise InputError(found, place=str(trust.heads), accepted="an export of the same log")
    return heads
