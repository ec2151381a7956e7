"""TLS from files, from version 1.2 up."""

import ssl
from pathlib import Path

from gridpact.errors import InputError


def server_side(certificate: Path, key: Path) -> ssl.SSLContext:
    """For whoever listens.

    Raises
    ------
    InputError
        If the files are no certificate and its private key.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        accepted = "a certificate and its private key, PEM"
        raise InputError(f"{error.strerror or error}", place=f"{certificate}, {key}", accepted=accepted) from None
    return context


def client_side(authority: Path | None) -> ssl.SSLContext:
    """For whoever connects; without a certificate of whoever signed the other side's, the system decides whom to trust.

    Raises
    ------
    InputError
        If the file is no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=authority)
    except (ssl.SSLError, OSError) as error:
        raise InputError(f"{error.strerror or error}", place=str(authority), accepted="a certificate, PEM") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
