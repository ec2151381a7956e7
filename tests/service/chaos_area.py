"""Whom the chaos hits: an area of a few members, some of whom behave badly, and who may log in."""

from gridpact.exchange import Actor, Rules
from gridpact.exchange.rules import DAY, MINUTE
from gridpact.service.broker import Account, area_grants, hash_password
from service.live import AREA, actors

MEMBERS = ("ann", "bob", "cleo", "dan", "eve", "fay")
"""Eve sends what nobody should; Fay's meter is silent until the end."""
PASSWORD = "secret"
RULES = Rules(
    AREA,
    step_ms=30 * MINUTE,
    gate_closure_ms=30 * MINUTE,
    settle_after_ms=30 * MINUTE,
    correct_within_ms=5 * DAY,
    most_messages=40,
)


def people() -> list[Actor]:
    return actors(MEMBERS)


def accounts() -> list[Account]:
    kept = hash_password(PASSWORD)
    return [
        Account("exchange", kept, area_grants(AREA), is_member=False),
        *(Account(name, kept) for name in MEMBERS),
    ]
