"""The same rules for Mosquitto: a configuration, a list of passwords and a list of rights."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gridpact.errors import InputError
from gridpact.service.broker.access import Account, member_grants

MOST_BYTES = 64 * 1024
"""Of a message. The longest that the exchange sends, an hourly head or a book, stays far below."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of the broker's certificate, its key, and whoever signed the certificate."""

    certificate: Path
    key: Path
    authority: Path


def mosquitto_files(
    area: str, accounts: Sequence[Account], folder: Path, port: int, certificates: Certificates | None = None
) -> dict[str, str]:
    """What Mosquitto needs to serve an area, by file name.

    Parameters
    ----------
    area
        The market area.
    accounts
        Whoever may log in; nobody else may.
    folder
        Where the files will lie, as the broker sees it.
    port
        To listen on. Without certificates only on the loopback; with them everywhere, with TLS from 1.2.

    Returns
    -------
    ``mosquitto.conf``, ``passwords`` and ``rights``. The latter two must be readable by the broker only.

    Raises
    ------
    InputError
        If a name cannot stand in these files.
    """
    for account in accounts:
        if account.user != account.user.strip() or set(account.user) & set(":+#/\n"):
            raise InputError(
                f"user {account.user!r}", place="broker", accepted="a name without : + # / or outer spaces"
            )
    lines = [
        f"listener {port}" + ("" if certificates else " 127.0.0.1"),
        "allow_anonymous false",
        f"password_file {folder / 'passwords'}",
        f"acl_file {folder / 'rights'}",
        f"message_size_limit {MOST_BYTES}",
        "persistence true",
        f"persistence_location {folder}/",
        "max_queued_messages 10000",
        "log_type error",
        "log_type warning",
    ]
    if certificates:
        lines += [
            f"certfile {certificates.certificate}",
            f"keyfile {certificates.key}",
            f"cafile {certificates.authority}",
            "tls_version tlsv1.2",
        ]
    return {
        "mosquitto.conf": "\n".join(lines) + "\n",
        "passwords": "".join(f"{account.user}:{account.password_hash}\n" for account in accounts),
        "rights": _rights(area, accounts),
    }


def _rights(area: str, accounts: Sequence[Account]) -> str:
    lines = []
    for account in accounts:
        lines.append(f"user {account.user}")
        grants = [*account.grants, *(member_grants(area) if account.is_member else ())]
        lines += [f"topic {grant.right} {grant.of(account.user).topics}" for grant in grants]
    return "\n".join(lines) + "\n"
