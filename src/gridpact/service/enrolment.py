"""Who takes part, and the secrets with which they prove it: a key to sign with, a password for the broker.

The exchange keeps public keys and hashes of passwords only. What a member needs is written once, into a pass that is handed to
it and kept nowhere else.
"""

import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from gridpact.errors import UNREADABLE, InputError, nearest_name
from gridpact.exchange import Actor, Bounds, Role
from gridpact.exchange.values import FREE
from gridpact.ledger import SigningKey, to_bytes, to_text
from gridpact.ledger.keys import KEY_BYTES
from gridpact.service.broker import Account, Grant, area_grants, bus_grant, hash_password

PASSWORD_BYTES = 24
EXCHANGE_USER = "exchange"
NAME = re.compile(r"(?! )[^:/+#\x00-\x1f\x7f]{1,58}(?<! )")
NAMES = "up to 58 characters without : / + # and outer spaces"
"""Names of members: what can stand in a topic, in Mosquitto's files, and behind ``meter-``."""

S = TypeVar("S", bound=msgspec.Struct)


class Pass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody needs to take part: for the broker, to sign, and for the web. Secret."""

    area: str
    name: str
    password: str
    key: str
    meter: str = ""
    meter_key: str = ""
    broker: str = ""
    token: str = ""
    exchange: str = ""

    @property
    def exchange_key(self) -> bytes:
        """The public key of the exchange, by which a member knows the directory to be the exchange's."""
        return to_bytes(self.exchange, KEY_BYTES, "exchange")

    @property
    def signing_key(self) -> SigningKey:
        """With which it signs."""
        return SigningKey(to_bytes(self.key, KEY_BYTES, "key"))

    @property
    def meter_signing_key(self) -> SigningKey:
        """With which its meter signs."""
        return SigningKey(to_bytes(self.meter_key, KEY_BYTES, "meter_key"))


class Enrolled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who takes part, as the exchange knows them."""

    actor: Actor
    password_hash: str = ""
    bus: str = ""
    phase: str = "abc"
    revoked: bool = False
    bounds: Bounds = FREE

    def grants(self, area: str) -> tuple[Grant, ...]:
        """What a member may do beyond what all may: hear the operator's prices at its bus."""
        return (bus_grant(area, self.bus),) if self.bus else ()


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everybody who takes part in an area."""

    area: str
    enrolled: tuple[Enrolled, ...] = ()

    def add_member(
        self, name: str, bus: str, zone: str = "", broker: str = "", phase: str = "abc"
    ) -> tuple["Register", Pass]:
        """Enrol a member and its meter; gives the register with them, and the member's pass.

        Raises
        ------
        InputError
            If the name is taken, or cannot stand in topics and accounts.
        """
        meter = f"meter-{name}"
        if not NAME.fullmatch(name) or name == EXCHANGE_USER or name.startswith("head-"):
            found = f"member {name!r}"
            raise InputError(found, place=f"area {self.area}", accepted=f"{NAMES}; not {EXCHANGE_USER} or head-…")
        for taken in (name, meter):
            if any(known.actor.id == taken for known in self.enrolled):
                raise InputError(f"{taken!r} is enrolled", place=f"area {self.area}", accepted="a new name")
        secret, meter_secret = SigningKey.generate(), SigningKey.generate()
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        added = (
            Enrolled(
                Actor(name, Role.MEMBER, key=to_text(secret.public), zone=zone),
                hash_password(password),
                bus,
                phase,
            ),
            Enrolled(Actor(meter, Role.METER, key=to_text(meter_secret.public), of=name)),
        )
        exchange = next((known.actor.key for known in self.enrolled if known.actor.role == Role.EXCHANGE), "")
        given = Pass(
            self.area,
            name,
            password,
            to_text(secret.secret),
            meter,
            to_text(meter_secret.secret),
            broker,
            exchange=exchange,
        )
        return Register(self.area, self.enrolled + added), given

    def add_party(self, name: str, role: Role) -> tuple["Register", Pass]:
        """Enrol the exchange, the DSO, the supplier or the meter at the head."""
        secret, password = SigningKey.generate(), secrets.token_urlsafe(PASSWORD_BYTES)
        kept = hash_password(password) if role in (Role.EXCHANGE, Role.METER) else ""
        added = Enrolled(Actor(name, role, key=to_text(secret.public)), kept)
        return Register(self.area, (*self.enrolled, added)), Pass(self.area, name, password, to_text(secret.secret))

    def revoke(self, name: str) -> "Register":
        """Take away a member's access to the broker. What it has agreed stands.

        Raises
        ------
        InputError
            If nobody has the name.
        """
        return self._changed(name, revoked=True)

    def bind(self, name: str, bounds: Bounds) -> "Register":
        """Bind a member more narrowly than its area, or free it again.

        Raises
        ------
        InputError
            If nobody has the name.
        """
        return self._changed(name, bounds=bounds)

    def _changed(self, name: str, **fields: object) -> "Register":
        members = [known.actor.id for known in self.members()]
        if name not in members:
            raise InputError(f"no member {name!r}{nearest_name(name, members)}", accepted="a member who is enrolled")
        changed = (
            msgspec.structs.replace(known, **fields) if known.actor.id == name else known for known in self.enrolled
        )
        return Register(self.area, tuple(changed))

    def members(self) -> tuple[Enrolled, ...]:
        """The members, in the order of their ids."""
        found = (known for known in self.enrolled if known.actor.role == Role.MEMBER)
        return tuple(sorted(found, key=lambda known: known.actor.id))

    def actors(self) -> list[Actor]:
        """Everybody as the exchange opens its area with."""
        return [known.actor for known in self.enrolled]

    def accounts(self) -> list[Account]:
        """Who may log in at the broker."""
        members = [
            Account(known.actor.id, known.password_hash, known.grants(self.area))
            for known in self.members()
            if not known.revoked
        ]
        exchange = next(known for known in self.enrolled if known.actor.role == Role.EXCHANGE)
        return [Account(EXCHANGE_USER, exchange.password_hash, area_grants(self.area), is_member=False), *members]


def write_secret(path: Path, value: msgspec.Struct | Iterable[msgspec.Struct]) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def read_file(path: Path, kind: type[S]) -> S:
    """Read what `write_secret` wrote.

    Raises
    ------
    InputError
        If the file is not there, or holds something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", place=str(path)) from None
    except UNREADABLE as error:
        raise InputError(str(error), place=str(path), accepted=f"a {kind.__name__.lower()} of Gridpact") from None
