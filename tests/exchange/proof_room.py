"""Exports of small runs, and a forger who holds as many keys as a test gives away."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.synthetic import make_community
from gridpact.community import Community
from gridpact.exchange.proof import Trust, Verified, verify
from gridpact.ledger import Entry, ExportWriter, Header, Log, SignedHead, SigningKey, View, Witness, encode, read_export
from gridpact.markets import make_mechanism
from gridpact.study import Settings, run_baseline
from gridpact.study.ledger import Recorder, draw_keys
from study.small_studies import sunny

DECIDED = "auction:uniform + pro-rata"
LOANS = "negotiation:s2"
LOANS_DECIDED = f"{LOANS} + pro-rata"
READY = {"scenarios": 5, "aspiration": 0.3}
"""Negotiators who agree often, though so few intervals lie ahead of them."""
MECHANISMS = ("auction:uniform", "pool:mmr", "assignment:multi")


@dataclass(frozen=True)
class Told:
    """An entry as a forger sees it: everything in it may be changed."""

    kind: str
    author: str
    body: dict[str, Any]
    tables: dict[str, dict[str, list[Any]]]

    @property
    def interval(self) -> int | None:
        return self.body.get("interval")


@dataclass(frozen=True)
class Recorded:
    """A day's middle of eight members, recorded under some mechanisms."""

    community: Community
    folder: Path
    keys: Mapping[str, SigningKey]

    def export(self, mechanism: str) -> Path:
        return self.folder / mechanism.replace(":", ".") / "ledger.export"

    def story(self, mechanism: str) -> tuple[Header, list[Told | str]]:
        """The log of a mechanism: header, then entries, and for each head its time."""
        (_, header), *lines = read_export(self.export(mechanism))
        assert isinstance(header, Header)
        told: list[Told | str] = []
        for _, line in lines:
            if isinstance(line, Entry):
                tables = {name: dict(opening.columns) for name, opening in line.openings.items()}
                told.append(Told(line.kind, line.author, dict(line.body), tables))
            elif isinstance(line, SignedHead):
                told.append(line.head.time)
        return header, told

    def forged(self, mechanism: str, change: Callable[[list[Told | str]], None], folder: Path) -> Path:
        """The same log with a change, signed anew by exchange, DSO and all witnesses; members and meters sign nothing."""
        header, told = self.story(mechanism)
        change(told)
        path = folder / "forged.export"
        with path.open("wb") as file:
            writer = ExportWriter(file, header)
            witnesses = [Witness(name, self.keys[name]) for name in header.witnesses]
            log = Log(header, self.keys, witnesses, writer, random.Random(7).randbytes)
            for each in told:
                if isinstance(each, str):
                    log.sign_head(each)
                else:
                    log.append(each.author, each.kind, each.body, each.tables)
            writer.end()
        return path


def record(folder: Path) -> Recorded:
    """Record the small community under `MECHANISMS`."""
    community = sunny(8).window(0, 6)
    keys, baseline = draw_keys(community, random.Random(1).randbytes), run_baseline(community)
    for name in MECHANISMS:
        own = folder / name.replace(":", ".")
        own.mkdir()
        recorder = Recorder(own, View.AUDIT, keys, entropy=random.Random(name).randbytes)
        recorder(community, make_mechanism(name), Settings(forecast="noise"), baseline)
        recorder.join([name])
    record_decided(folder, keys)
    record_loans(folder, keys)
    return Recorded(community, folder, keys)


def record_decided(folder: Path, keys: Mapping[str, SigningKey]) -> None:
    """The same members later on, on a feeder at its upper voltage limit, so that the DSO cuts."""
    community = sunny(8).window(6, 12)
    community = replace(community, feeder=replace(community.feeder, slack_pu=1.099))
    own = folder / DECIDED.replace(":", ".")
    own.mkdir()
    recorder = Recorder(own, View.AUDIT, keys, entropy=random.Random(DECIDED).randbytes)
    settings = Settings(forecast="noise", network="pro-rata")
    recorder(community, make_mechanism("auction:uniform"), settings, run_baseline(community))
    recorder.join([DECIDED])


def record_loans(folder: Path, keys: Mapping[str, SigningKey]) -> None:
    """An afternoon of eight members who lend each other energy; the second time the DSO cuts some of the loans."""
    community = make_community(8, 96, seed=5).window(56, 80)
    stressed = replace(community, feeder=replace(community.feeder, slack_pu=1.099))
    for name, place, network in ((LOANS, community, "none"), (LOANS_DECIDED, stressed, "pro-rata")):
        own = folder / name.replace(":", ".")
        own.mkdir()
        recorder = Recorder(own, View.AUDIT, keys, {LOANS: READY}, random.Random(name).randbytes)
        settings = Settings(forecast="noise", network=network)
        recorder(place, make_mechanism(LOANS, READY), settings, run_baseline(place))
        recorder.join([name])


def check(path: Path, trust: Trust = Trust()) -> Verified:  # noqa: B008  # immutable
    """Verify an export of one log."""
    (found,) = verify(path, trust)
    return found


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The lines of an export."""
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def save(lines: list[dict[str, Any]], path: Path) -> Path:
    """Write lines, the end counted anew."""
    lines[-1] = {
        "end": {"entries": sum("entry" in line for line in lines), "heads": sum("head" in line for line in lines)}
    }
    path.write_bytes(b"".join(encode(line) + b"\n" for line in lines))
    return path


def first(told: list[Told | str], kind: str, number: int = 0) -> Told:
    """An entry of a kind."""
    return [each for each in told if isinstance(each, Told) and each.kind == kind][number]
