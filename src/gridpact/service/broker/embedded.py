"""A broker inside of the process, for a demonstration or a small community: amqtt, which speaks MQTT 3.1.1.

What is added to it: accounts and rights, a limit on the size of a message that holds before the message is read, and rules that
close what amqtt leaves open. A last will must be a message that its client may publish; the id of a client begins with the
name of its user, so that nobody takes over the session of somebody else.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import Action, BaseContext, BrokerConfig, ListenerConfig, ListenerType
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from gridpact.service.broker.access import Account, Accounts, Grant, may, member_grants
from gridpact.service.broker.mosquitto import MOST_BYTES
from gridpact.service.broker.passwords import hash_password, password_matches

LOG = logging.getLogger(__name__)
LISTENER = "default"
PACKET_OVERHEAD = 1024
"""Bytes of a packet beside its payload: a topic and a few numbers."""
SHUT_DOWN_WITHIN_S = 10.0
"""Then lines are cut without a goodbye."""

_NOBODY = Account("", hash_password(""))


@dataclass(frozen=True)
class _Rights:
    """What amqtt's plugins are told."""

    area: str
    accounts: Accounts

    def permits(self, user: str | None, right: Any, topics: str) -> bool:
        account = self.accounts.of(user)
        if account is None:
            return False
        grants: tuple[Grant, ...] = account.grants + (member_grants(self.area) if account.is_member else ())
        return may(grants, account.user, right, topics)


class AccountsPlugin(BaseAuthPlugin):
    """Lets in whoever has an account and the right password."""

    Config = _Rights

    async def authenticate(self, *, session: Session) -> bool:
        """Whether a client may log in."""
        rights: _Rights = self.config
        known = rights.accounts.of(session.username)
        # a stranger takes as long as a member with a wrong password
        matches = await asyncio.to_thread(password_matches, session.password or "", (known or _NOBODY).password_hash)
        if known is None or not matches:
            return False
        own_id = session.client_id == known.user or str(session.client_id).startswith(f"{known.user}/")
        own_will = not session.will_flag or rights.permits(known.user, "write", session.will_topic or "")
        return own_id and own_will


class RightsPlugin(BaseTopicPlugin):
    """Lets through what is granted."""

    Config = _Rights

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._known: dict[tuple[str | None, str, str], bool] = {}
        context.config.accounts.changed.append(self._known.clear)

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """Whether a client may publish to a topic, subscribe to a filter, or receive a message."""
        if session is None or topic is None:
            return False
        right = "write" if action == Action.PUBLISH else "read"
        asked = session.username, right, topic
        if asked not in self._known:
            self._known[asked] = self.config.permits(*asked)
        return self._known[asked]


class _BoundedReader(StreamReaderAdapter):
    """Ends the connection instead of reading more than a message may have."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader)
        self._connection = writer.transport

    async def read(self, n: int = -1) -> bytes:
        if n <= MOST_BYTES + PACKET_OVERHEAD:
            return bytes(await super().read(n))
        self._connection.abort()
        return b""


class _Subscriptions(dict[str, Any]):
    """Whoever subscribes while a message is handed round does not end its round."""

    def items(self) -> Any:
        return list(super().items())

    def __iter__(self) -> Iterator[str]:
        return iter(list(self.keys()))


class _Broker(Broker):
    """amqtt hands everybody who connects what is retained of anybody's subscriptions; here who has subscribed gets it."""

    def __init__(self, config: BrokerConfig) -> None:
        super().__init__(config)
        self._subscriptions = _Subscriptions()

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        subscribers = self._subscriptions.get(subscription[0], ())
        if any(known.client_id == session.client_id for known, _ in subscribers):
            await super()._publish_retained_messages_for_subscription(subscription, session)


@asynccontextmanager
async def embedded_broker(
    area: str,
    accounts: Sequence[Account] | Accounts,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    plain: bool = False,
) -> AsyncIterator[int]:
    """Run a broker for an area.

    Parameters
    ----------
    area
        The market area.
    accounts
        Whoever may log in; nobody else may. Who is taken out of `Accounts` is cut off.
    host, port
        To listen on; port 0 takes a free one.
    tls
        How connections are encrypted. Without it, only the loopback is listened on, unless ``plain``.

    Returns
    -------
    The port.

    Raises
    ------
    ValueError
        If it would listen beyond the loopback without encryption.
    """
    if tls is None and not plain and host not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError(f"a broker on {host} needs TLS")
    logging.getLogger("amqtt").setLevel(logging.ERROR)
    kept = accounts if isinstance(accounts, Accounts) else Accounts(tuple(accounts))
    rights = {"area": area, "accounts": kept}
    config = BrokerConfig(
        listeners={LISTENER: ListenerConfig(type=ListenerType.EXTERNAL)},
        plugins={f"{__name__}.{plugin.__name__}": rights for plugin in (AccountsPlugin, RightsPlugin)},
    )
    broker = _Broker(config)

    lines: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.add(writer)
        try:
            await broker.external_connected(_BoundedReader(reader, writer), StreamWriterAdapter(writer), LISTENER)
        finally:
            lines.discard(writer)
            writer.close()

    def cut_off() -> None:
        gone = [session for session, _ in broker.sessions.values() if kept.of(session.username) is None]
        places = {(session.remote_address, session.remote_port) for session in gone}
        for line in lines:
            if tuple((line.get_extra_info("peername") or ())[:2]) in places:
                line.transport.abort()

    kept.changed.append(cut_off)
    server = await asyncio.start_server(connected, host, port, ssl=tls, start_serving=False)
    await broker.start()
    await server.start_serving()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        kept.changed.clear()
        server.close()
        try:
            async with asyncio.timeout(SHUT_DOWN_WITHIN_S):
                await broker.shutdown()
        except TimeoutError:
            LOG.warning("the broker did not say goodbye to all within %g s", SHUT_DOWN_WITHIN_S)
        for line in lines:  # amqtt leaves open who has not said goodbye
            line.transport.abort()
        await asyncio.sleep(0)
