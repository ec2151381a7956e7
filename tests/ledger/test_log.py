"""Logs: entries, heads, witnesses, exports, and what becomes of them when somebody meddles."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gridpact.errors import ForkError, InputError
from gridpact.ledger import (
    Counts,
    DifferenceError,
    Directory,
    Entry,
    Header,
    LogCheck,
    MerkleLog,
    Opening,
    SignedHead,
    SigningKey,
    TreeHead,
    View,
    Witness,
    encode,
    known_heads,
    read_export,
    same_keys,
    seal,
    to_bytes,
)
from ledger.ledger_room import Room, entropy, save


def check(path: Path, known: Path | None = None) -> Counts:
    """Read and check an export of one log."""
    counts = Counts()
    (_, header), *lines = read_export(path)
    assert isinstance(header, Header)
    heads = known_heads(read_export(known), header.log) if known else None
    log_check = LogCheck(header, counts, heads)
    for _, line in lines:
        log_check.check(line)
    return counts


def lines_of(data: bytes) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in data.splitlines()]


def joined(lines: list[dict]) -> bytes:  # type: ignore[type-arg]
    return b"".join(encode(line) + b"\n" for line in lines)


def test_a_log_that_nobody_touched_holds(tmp_path: Path) -> None:
    counts = check(save(Room().fill(3), tmp_path))
    assert counts.checked == {
        "entries with the signature of their author": 6,
        "signatures of witnesses": 9,
        "tree heads with root, signature and chain": 3,
        "commitments opened": 0 + 1 + 2,
    }


def test_the_public_export_has_the_same_heads_and_shows_no_content(tmp_path: Path) -> None:
    audit, public = Room().fill(3), Room(view=View.PUBLIC).fill(3)
    assert [line for line in lines_of(audit) if "head" in line] == [line for line in lines_of(public) if "head" in line]
    assert b"energy_wh" in audit
    assert b"energy_wh" not in public
    assert "commitments opened" not in check(save(public, tmp_path)).checked


def test_an_entry_proves_its_place_by_its_leaf() -> None:
    entries = [Entry.from_json(line) for line in lines_of(Room().fill(3)) if "entry" in line]
    log = MerkleLog(entry.leaf for entry in entries)
    heads = [SignedHead.from_json(line).head for line in lines_of(Room().fill(3)) if "head" in line]
    assert [log.root(head.size) for head in heads] == [head.root for head in heads]


def edit_body(lines: list[dict]) -> None:  # type: ignore[type-arg]
    lines[2]["entry"]["body"]["v_min"] = 0.99


def edit_content(lines: list[dict]) -> None:  # type: ignore[type-arg]
    lines[4]["openings"]["orders"]["columns"]["energy_wh"][0] = 7


def drop_content(lines: list[dict]) -> None:  # type: ignore[type-arg]
    del lines[4]["openings"]


def cut_content(lines: list[dict]) -> None:  # type: ignore[type-arg]
    opening = lines[4]["openings"]["orders"]
    opening["salts"].pop()
    for column in opening["columns"].values():
        column.pop()


def delete(lines: list[dict]) -> None:  # type: ignore[type-arg]
    del lines[2]
    lines[-1]["end"]["entries"] -= 1


def delete_the_last_interval(lines: list[dict]) -> None:  # type: ignore[type-arg]
    del lines[9]
    lines[-1]["end"]["heads"] -= 1


def reorder(lines: list[dict]) -> None:  # type: ignore[type-arg]
    lines[1], lines[2] = lines[2], lines[1]


def replay(lines: list[dict]) -> None:  # type: ignore[type-arg]
    lines.insert(5, lines[2])
    lines[-1]["end"]["entries"] += 1


def drop_a_head(lines: list[dict]) -> None:  # type: ignore[type-arg]
    del lines[3]
    lines[-1]["end"]["heads"] -= 1


def forge_a_head(lines: list[dict]) -> None:  # type: ignore[type-arg]
    lines[3]["signature"] = lines[6]["signature"]


def drop_witnesses(lines: list[dict]) -> None:  # type: ignore[type-arg]
    lines[6]["witnesses"] = {"w1": lines[6]["witnesses"]["w1"]}


def forge_a_witness(lines: list[dict]) -> None:  # type: ignore[type-arg]
    lines[6]["witnesses"]["w1"] = lines[6]["witnesses"]["w2"]


def blame_somebody_else(lines: list[dict]) -> None:  # type: ignore[type-arg]
    lines[2]["entry"]["author"] = "exchange"


@pytest.mark.parametrize(
    ("meddle", "where", "follows"),
    [
        (edit_body, "entry 1 (network, interval 0)", "dso did not state this"),
        (blame_somebody_else, "entry 1 (network, interval 0)", "exchange did not state this"),
        (edit_content, "entry 2 (orders, interval 1), orders, row 0", "not what was logged"),
        (drop_content, "entry 2 (orders, interval 1)", "content is missing"),
        (cut_content, "entry 2 (orders, interval 1)", "content is missing"),
        (delete, "head of 2 entries", "deleted"),
        (delete_the_last_interval, "end of the log", "vouched for by nobody"),
        (reorder, "entry 1 (network, interval 0)", "reordered"),
        (replay, "entry 1 (network, interval 0)", "replayed"),
        (drop_a_head, "head of 4 entries", "a head is missing"),
        (forge_a_head, "head of 2 entries", "exchange did not state this"),
        (drop_witnesses, "head of 4 entries", "may have forked"),
        (forge_a_witness, "head of 4 entries", "w1 did not sign"),
    ],
)
def test_meddling_is_named_with_its_place_and_consequence(
    meddle: Callable[[list], None],  # type: ignore[type-arg]
    where: str,
    follows: str,
    tmp_path: Path,
) -> None:
    lines = lines_of(Room().fill(3))
    meddle(lines)
    with pytest.raises(DifferenceError) as caught:
        check(save(joined(lines), tmp_path))
    assert caught.value.where == where
    assert follows in caught.value.follows


def test_an_entry_of_another_log_is_known_as_replayed(tmp_path: Path) -> None:
    lines, other = lines_of(Room(seed=0).fill(3)), lines_of(Room(seed=1).fill(3))
    lines[1] = other[1]
    with pytest.raises(DifferenceError, match="replayed from there"):
        check(save(joined(lines), tmp_path))


def test_a_history_that_was_rewritten_and_signed_anew_differs_from_a_head_known_before(tmp_path: Path) -> None:
    """The keeper and all witnesses conspire: within one export nothing is wrong."""
    honest = save(Room().fill(3), tmp_path)
    conspiracy = Room()
    conspiracy.log.append("exchange", "orders", {"interval": 0, "dear": True})
    conspiracy.log.append("dso", "network", {"interval": 0})
    conspiracy.log.sign_head("2025-06-01T00:00:00Z")
    conspiracy.writer.end()
    folder = tmp_path / "fork"
    folder.mkdir()
    fork = save(conspiracy.file.getvalue(), folder)
    check(fork)
    with pytest.raises(DifferenceError, match="the log forked"):
        check(fork, known=honest)
    assert check(honest, known=honest).checked["heads known from elsewhere"] == 3


def test_a_history_cut_short_differs_from_a_head_known_before(tmp_path: Path) -> None:
    folder = tmp_path / "short"
    folder.mkdir()
    with pytest.raises(DifferenceError, match="deleted from the end"):
        check(save(Room().fill(2), folder), known=save(Room().fill(3), tmp_path))


def test_a_witness_signs_what_goes_on_and_refuses_a_fork() -> None:
    room = Room()
    witness, keys = Witness("w1", room.keys["w1"]), room.header.keys

    def head(leaves: list[bytes], time: str, previous: TreeHead | None, log: str = "a") -> SignedHead:
        before = None if previous is None else previous.hash
        made = TreeHead(log, len(leaves), MerkleLog(leaves).root(), time, before)
        return SignedHead.sign(made, room.keys["exchange"])

    first = head([b"a", b"b"], "2025-01-01T00:00:00Z", None)
    assert witness.cosign(first, [], "exchange", keys).witnessed_by(keys) == ["w1"]
    proof = MerkleLog([b"a", b"b", b"c"]).consistency_proof(2)
    wrong = {
        "does not begin with": head([b"a", b"x", b"c"], "2025-01-02T00:00:00Z", first.head),
        "as its previous one": head([b"a", b"b", b"c"], "2025-01-02T00:00:00Z", None),
        "its time 2024": head([b"a", b"b", b"c"], "2024-01-02T00:00:00Z", first.head),
        "of log b": head([b"a", b"b", b"c"], "2025-01-02T00:00:00Z", first.head, log="b"),
    }
    for reason, refused in wrong.items():
        with pytest.raises(ForkError, match=reason):
            witness.cosign(refused, proof, "exchange", keys)
    good = head([b"a", b"b", b"c"], "2025-01-02T00:00:00Z", first.head)
    with pytest.raises(ForkError, match="does not hold"):
        witness.cosign(replace(good, signature=bytes(64)), proof, "exchange", keys)
    assert witness.cosign(good, proof, "exchange", keys).witnessed_by(keys) == ["w1"]
    assert witness.last == good.head


@pytest.mark.parametrize("witnesses", [("exchange",), ("w1", "w1"), ("w1", "exchange", "w2")])
def test_a_keeper_is_no_witness_of_itself_and_nobody_counts_twice(witnesses: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="neither the keeper nor each other"):
        replace(Room().header, witnesses=witnesses, quorum=1)


def test_a_head_that_too_few_witnesses_sign_is_not_published() -> None:
    room = Room(quorum=3)
    room.log.append("exchange", "orders", {})
    room.log.sign_head("2025-06-01T00:00:00Z")
    room.witnesses[0].last = replace(room.witnesses[0].last, root=bytes(32), size=2)  # type: ignore[type-var]
    published = room.file.getvalue()
    room.log.append("exchange", "orders", {})
    with pytest.raises(ForkError, match=r"2 of 3 witnesses sign head 2; w1 does not sign"):
        room.log.sign_head("2025-06-01T01:00:00Z")
    assert room.file.getvalue().count(b'"head"') == published.count(b'"head"') == 1


def test_equal_rows_have_different_commitments() -> None:
    commitments, opening = seal({"energy_wh": [5, 5]}, entropy())
    assert len(set(commitments)) == 2
    assert Opening.from_json(opening.to_json()).commitments() == commitments


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: data[:-2], "line 11: the line is cut off"),
        (lambda data: data[: data.rindex(b'{"end"')], "ends after line 10 without the end"),
        (lambda data: data.split(b"\n", 1)[1], "line 1: no header"),
        (lambda data: data.split(b"\n", 1)[0] + b"\n" + data, "line 2: a second header"),
        (lambda data: data.replace(b'"author":"dso"', b'"author": "dso"', 1), "line 3: JSON that is not canonical"),
        (lambda data: data.replace(b'"body"', b'"bodx"', 1), "line 2: an entry that is none"),
        (lambda data: data.replace(b'{"end"', b'{"ent"'), "line 11: a line of no known kind"),
        (lambda data: data.replace(b'"heads":3', b'"heads":2'), "line 11: the end counts 6 entries and 2 heads"),
        (lambda data: data.replace(b"gridpact-ledger/1", b"gridpact-ledger/9"), "line 1, header: format"),
        (lambda data: data.replace(b'"view":"audit"', b'"view":"audio"'), "line 1, header: view 'audio'"),
        (lambda data: data.replace(b'"quorum":2', b'"quorum":4'), "line 1, header: 4 of 3 witnesses"),
        (lambda data: b"", "ends after line 0"),
        (lambda data: b"\xff\xfe\n", "line 1: no JSON"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(spoil: Callable[[bytes], bytes], message: str, tmp_path: Path) -> None:
    path = save(spoil(Room().fill(3)), tmp_path)
    with pytest.raises(InputError, match=message):
        list(read_export(path))


def test_a_file_that_is_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        list(read_export(tmp_path / "nothing"))


def test_keys_other_than_the_trusted_ones_are_refused() -> None:
    a, b = (SigningKey(bytes([n]) * 32).public for n in (1, 2))
    same_keys(Directory({"exchange": a}), Directory({"exchange": a, "dso": b}))
    with pytest.raises(InputError, match="key of 'exchange' is not the trusted one"):
        same_keys(Directory({"exchange": b}), Directory({"exchange": a}))
    with pytest.raises(InputError, match="'exchang' is not among the trusted keys; did you mean 'exchange'"):
        same_keys(Directory({"exchang": a}), Directory({"exchange": a}))
    assert Directory({"a": a}).fingerprint != Directory({"a": b}).fingerprint


@pytest.mark.parametrize("text", ["AAA=", "AA", "AAAA", "A+A", "AAB", 7, "ÄAA"])
def test_text_that_is_not_the_one_way_to_write_the_bytes_is_refused(text: object) -> None:
    assert to_bytes("AAA", 2, "salt") == b"\x00\x00"
    with pytest.raises(InputError, match="salt"):
        to_bytes(text, 2, "salt")
