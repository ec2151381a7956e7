"""The published description of the bus is the one that follows from the code, and complete."""

from pathlib import Path

import msgspec

from gridpact.client.topics import FROM_MEMBER, PUBLIC, TO_MEMBER, TO_OPERATOR
from gridpact.service.asyncapi import SAID, UNLIKE, asyncapi_text, document


def test_the_published_description_is_that_of_the_code(root: Path) -> None:
    published = (root / "docs" / "asyncapi.json").read_text("utf-8")
    assert published == asyncapi_text(), "make docs/asyncapi.json anew: python tools/write_schema.py"


def test_every_topic_is_described_and_every_reference_leads_somewhere() -> None:
    found = document()
    assert len(found["channels"]) == len(PUBLIC) + len(TO_MEMBER) + len(FROM_MEMBER) + len(TO_OPERATOR) + 2
    assert {*SAID, *UNLIKE} == {*PUBLIC, *TO_MEMBER, *TO_OPERATOR, "member/status", "inbox", "price"}

    def references(value: object) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            return own + [each for inner in value.values() for each in references(inner)]
        return [each for inner in value for each in references(inner)] if isinstance(value, list) else []

    for reference in references(msgspec.to_builtins(found)):
        at: object = found
        for step in reference.removeprefix("#/").split("/"):
            assert isinstance(at, dict)
            assert step in at, reference
            at = at[step]
