"""The folder of an area: who takes part, the keys of the parties, tokens of the web; read again whenever it changes.

It is changed by commands that may run beside the service, one at a time; every file is replaced as a whole.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from gridpact.errors import InputError
from gridpact.exchange import Bounds, Role
from gridpact.service.broker import Account, member_grants, meter_grants
from gridpact.service.enrolment import Pass, Register, read_file, write_secret
from gridpact.service.web import Role as WebRole
from gridpact.service.web import Tokens

PARTIES = {"market": Role.EXCHANGE, "grid": Role.DSO, "shop": Role.SUPPLIER}
"""Who holds which role beside the members and the meters; ``head-<area>`` is the meter at the feeder's head."""
WEB_ROLES = {"market": WebRole.OPERATOR, "grid": WebRole.DSO, "shop": WebRole.SUPPLIER}


class Parties(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The passes of the parties, with which the service acts. Secret."""

    passes: tuple[Pass, ...]

    def of(self, name: str) -> Pass:
        """The pass of a party."""
        return next(each for each in self.passes if each.name == name)


@dataclass(frozen=True, slots=True)
class Office:
    """See the module.

    Attributes
    ----------
    area
        Its name.
    folder
        Its folder.
    """

    area: str
    folder: Path

    def register(self) -> Register:
        """Who takes part now. Makes keys for the parties when the area is new."""
        if not self._register.exists():
            with self._alone():
                if not self._register.exists():
                    self._begin()
        return read_file(self._register, Register)

    def parties(self) -> Parties:
        """The passes of the parties."""
        self.register()
        return read_file(self.folder / "parties.json", Parties)

    def tokens(self) -> Tokens:
        """What is known of tokens."""
        self.register()
        return read_file(self._access, Tokens)

    def add(self, name: str, bus: str, zone: str, phase: str, broker: str) -> Pass:
        """Enrol a member with its meter; gives its pass, which is kept nowhere.

        Raises
        ------
        InputError
            If the name is taken.
        """
        self.register()
        with self._alone():
            register, given = read_file(self._register, Register).add_member(name, bus, zone, broker, phase)
            tokens, token = read_file(self._access, Tokens).issue(name, WebRole.MEMBER)
            write_secret(self._access, tokens)
            write_secret(self._register, register)
        return msgspec.structs.replace(given, token=token)

    def revoke(self, name: str) -> None:
        """Take away a member's access to the broker and to its page. What it has agreed stands.

        Raises
        ------
        InputError
            If nobody has the name.
        """
        self.register()
        with self._alone():
            write_secret(self._register, read_file(self._register, Register).revoke(name))
            kept = tuple(holder for holder in read_file(self._access, Tokens).holders if holder.name != name)
            write_secret(self._access, Tokens(kept))

    def bind(self, name: str, bounds: Bounds) -> None:
        """Bind a member more narrowly than its area, or free it again; a running service takes it up.

        Raises
        ------
        InputError
            If nobody has the name.
        """
        self.register()
        with self._alone():
            write_secret(self._register, read_file(self._register, Register).bind(name, bounds))

    def stamp(self) -> tuple[object, ...]:
        """Changes whenever the register or the tokens do."""
        found = (path.stat() for path in (self._register, self._access))
        return tuple((each.st_ino, each.st_mtime_ns) for each in found)

    @property
    def _register(self) -> Path:
        return self.folder / "register.json"

    @property
    def _access(self) -> Path:
        return self.folder / "access.json"

    def _begin(self) -> None:
        register, passes, tokens = Register(self.area), [], Tokens()
        for name, role in (PARTIES | {f"head-{self.area}": Role.METER}).items():
            register, given = register.add_party(name, role)
            if name in WEB_ROLES:
                tokens, token = tokens.issue(name, WEB_ROLES[name])
                given = msgspec.structs.replace(given, token=token)
            passes.append(given)
        write_secret(self.folder / "parties.json", Parties(tuple(passes)))
        write_secret(self._access, tokens)
        write_secret(self._register, register)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One command at a time."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise InputError(f"cannot be written to: {error.strerror}", place=str(self.folder)) from None


def accounts_of(register: Register) -> list[Account]:
    """Who may log in at the broker beside the exchange, with all that each may do: members, and the meter at the head."""
    grants = member_grants(register.area)
    heads = [known for known in register.enrolled if known.actor.role == Role.METER and not known.actor.of]
    return [
        *(
            Account(known.actor.id, known.password_hash, grants + known.grants(register.area), is_member=False)
            for known in register.members()
            if not known.revoked
        ),
        *(Account(head.actor.id, head.password_hash, meter_grants(register.area), is_member=False) for head in heads),
    ]


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep a second service out of a folder.

    Raises
    ------
    InputError
        If one runs there.
    """
    with (folder / "serve.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                "another service runs in this folder", place=str(folder), accepted="one at a time"
            ) from None
        yield
