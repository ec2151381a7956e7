"""The description of the bus, as it is kept in the documentation: AsyncAPI 3, with the JSON Schemas of all messages."""

from typing import Any

import msgspec

from gridpact import __version__
from gridpact.client import (
    Ack,
    BatteryIs,
    Bill,
    BookIs,
    ClockIs,
    HeadIs,
    KeyIs,
    Limit,
    LimitsAre,
    PhaseIs,
    PricesAre,
    Reduced,
    Topics,
    Traded,
    Unmatched,
)
from gridpact.client.topics import FROM_MEMBER, PUBLIC, TO_MEMBER, TO_OPERATOR
from gridpact.exchange import Command

SAID: dict[str, tuple[type, ...]] = {
    "member/status": (BatteryIs,),
    "clock": (ClockIs,),
    "interval/+/phase": (PhaseIs,),
    "interval/+/prices": (PricesAre,),
    "interval/+/book": (BookIs,),
    "interval/+/limits": (LimitsAre,),
    "ledger/head": (HeadIs,),
    "directory/+": (KeyIs,),
    "ack": (Ack,),
    "decision": (Traded, Unmatched, Reduced),
    "bill/+": (Bill,),
    "limit": (Limit,),
}
"""What is said by topic; what else members send is a `Command`, and the exchange's ``status`` is one of two words."""
STATUS, SEALED, SIGNED = "Status", "SealedLetter", "SignedPrice"
OTHER = {
    STATUS: {"enum": ["online", "offline"]},
    SEALED: {
        "type": "string",
        "format": "binary",
        "description": "Version 1, 1 byte; drawn X25519 key, 32; Ed25519 signature, 64; number, 8; ciphertext.",
    },
    SIGNED: {
        "type": "string",
        "format": "binary",
        "description": "Ed25519 signature, 64 bytes; MessagePack: day, price of imports, multiplier of the bus.",
    },
}
"""What is no JSON object: `gridpact.client.sealing`, `gridpact.client.dayahead`."""
UNLIKE = {"status": STATUS, "wish": SEALED, "invitation": SEALED, "inbox": SEALED, "price": SIGNED}
"""By topic."""
PARAMETERS = {
    "area": "Name of the market area.",
    "member": "Name of the member.",
    "start": "Start of the interval, milliseconds since 1970 UTC.",
    "channel": "Of the meter, as the member names it.",
    "name": "Of a member or a party.",
    "sender": "Name of another member.",
    "bus": "Name of the member's bus, percent-encoded but for spaces.",
}


def asyncapi_text() -> str:
    """AsyncAPI 3.0, JSON."""
    return msgspec.json.format(msgspec.json.encode(document(), order="sorted"), indent=2).decode() + "\n"


def document() -> dict[str, Any]:
    """The description as JSON can say it."""
    kinds = list(dict.fromkeys([Command, *(kind for kinds in SAID.values() for kind in kinds)]))
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    schemas |= OTHER
    topics = Topics("{area}")
    channels, operations = {}, {}
    rows = [
        *((name, name, topics.public(name), "receive", "Retained, for all members.") for name in PUBLIC),
        *(
            (f"member/{name}", name, topics.of_member("{member}", name), "receive", "For that member only.")
            for name in TO_MEMBER
        ),
        *(
            (f"member/{name}", name, topics.of_member("{member}", name), "send", "From that member only.")
            for name in FROM_MEMBER
        ),
        *(
            (
                f"member/{name}",
                name,
                topics.of_member("{member}", name),
                "send",
                "Sealed, for the operator of a day ahead.",
            )
            for name in TO_OPERATOR
        ),
        ("member/inbox", "inbox", topics.inbox("{member}", "{sender}"), "receive", "Sealed, for that member only."),
        ("bus/price", "price", topics.public("bus/{bus}/price"), "receive", "Retained, for members at the bus."),
    ]
    for place, name, address, action, about in rows:
        key = _key(place)
        said = SAID.get(place) or SAID.get(name, ())
        messages = [kind.__name__ for kind in said] or [UNLIKE.get(name, "Command")]
        channels[key] = _channel(_named(address, name), about, messages)
        operations[f"{action}_{key}"] = {"action": action, "channel": {"$ref": f"#/channels/{key}"}}
    names = [*OTHER, *(kind.__name__ for kind in kinds)]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Gridpact",
            "version": __version__,
            "description": "A market area on MQTT 3.1.1, QoS 1, as a member sees it: it receives what the exchange says and "
            "sends signed commands. Times are milliseconds since 1970 UTC, energies Wh, money micro-units of the currency, "
            "prices micro-units per kWh. A command is signed by Ed25519 over its canonical JSON (RFC 8785) without the "
            "signature, after the line gridpact/v1/command.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": {name: {"payload": {"$ref": f"#/components/schemas/{name}"}} for name in names},
            "schemas": schemas,
        },
    }


def _channel(address: str, about: str, messages: list[str]) -> dict[str, Any]:
    return {
        "address": address,
        "description": about,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "parameters": {name: {"description": said} for name, said in PARAMETERS.items() if f"{{{name}}}" in address},
    }


def _named(address: str, name: str) -> str:
    """With a parameter in place of the filter's +."""
    named = {"meter": "/{channel}", "directory": "/{name}"}.get(name.partition("/")[0], "/{start}")
    return address.replace("/+", named)


def _key(name: str) -> str:
    return name.replace("/+", "").replace("/", "_")
