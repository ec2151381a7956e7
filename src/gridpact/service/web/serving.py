"""Serves the application in the loop of the writer, until it is told to stop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import uvicorn

from gridpact.errors import InputError

LONGEST_GOODBYE_S = 3
"""How long answers under way may take once the service stops."""


class Closing(Protocol):
    """Whose listeners can be let go: the feed of an area, or the front of several."""

    def close(self) -> None:
        """Let everybody go."""


class _Server(uvicorn.Server):
    """Signals belong to whoever runs the whole."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(port: int, host: str = "127.0.0.1") -> socket.socket:
    """Take a port, before anything is begun; 0 takes a free one.

    Raises
    ------
    InputError
        If it is taken.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise InputError(f"port {port} of {host}: {error.strerror}", place="--port", accepted="a free port") from None
    return listening


@asynccontextmanager
async def run_web(
    app: Any, feed: Closing, listening: socket.socket, certificate: tuple[Path, Path] | None = None
) -> AsyncIterator[str]:
    """Serve an application; gives its address.

    Parameters
    ----------
    app, feed
        The ASGI application, and the feed whose listeners are let go at the end.
    listening
        Where, by `listen`; closed at the end.
    certificate
        TLS certificate and its private key, PEM; None serves unencrypted.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=LONGEST_GOODBYE_S,
        ssl_certfile=None if certificate is None else certificate[0],
        ssl_keyfile=None if certificate is None else certificate[1],
    )
    server = _Server(config)
    host, port = listening.getsockname()[:2]
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"{'http' if certificate is None else 'https'}://{host}:{port}/"
    finally:
        feed.close()
        server.should_exit = True
        await task
        listening.close()
