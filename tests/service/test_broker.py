"""Both brokers keep members apart: the embedded one and Mosquitto, by the same tests."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import aiomqtt
import pytest

from gridpact.client.line import Line, secret_identity
from gridpact.client.topics import TO_MEMBER, Topics
from gridpact.errors import InputError
from gridpact.service.broker import (
    Account,
    area_grants,
    bus_grant,
    covers,
    hash_password,
    may,
    member_grants,
    mosquitto_files,
)
from gridpact.service.broker.embedded import embedded_broker
from gridpact.service.broker.mosquitto import MOST_BYTES
from service.conftest import Brokers

AREA, TOPICS = "north", Topics("north")
ACCOUNTS = [
    Account("exchange", hash_password("ex"), area_grants(AREA), is_member=False),
    Account("ann", hash_password("a")),
    Account("bob", hash_password("b")),
]
PASSWORDS = {"exchange": "ex", "ann": "a", "bob": "b"}
Broker: TypeAlias = Callable[[], AbstractAsyncContextManager[int]]


@pytest.fixture
def broker(brokers: Brokers) -> Broker:
    return lambda: brokers(AREA, ACCOUNTS)


def client(port: int, user: str, *, name: str | None = None, password: str | None = None, **more: Any) -> Line:
    return Line(
        "127.0.0.1",
        port,
        username=user,
        password=PASSWORDS.get(user, "?") if password is None else password,
        identifier=name or user,
        **more,
    )


async def heard(listener: Line, seconds: float = 0.3) -> list[tuple[str, bytes]]:
    """Everything that arrives within a time."""
    found: list[tuple[str, bytes]] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for message in listener.messages:
                found += [(str(message.topic), bytes(message.payload))]
    return found


def refused() -> AbstractContextManager[None]:
    """What is refused may be dropped without a word, or the connection closed: both will do."""
    return suppress(aiomqtt.MqttError)


async def subscribe(listener: Line, *filters: str) -> None:
    for each in filters:
        await listener.subscribe(each, qos=1)


def test_a_member_speaks_to_the_exchange_and_is_answered_on_its_own_topic(broker: Broker) -> None:
    async def go() -> None:
        async with broker() as port, client(port, "exchange") as exchange, client(port, "ann") as ann:
            await subscribe(exchange, TOPICS.of_member("+", "order"))
            await subscribe(ann, TOPICS.of_member("ann", "ack"))
            await ann.publish(TOPICS.of_member("ann", "order"), b"buy", qos=1)
            assert await heard(exchange) == [(TOPICS.of_member("ann", "order"), b"buy")]
            await exchange.publish(TOPICS.of_member("ann", "ack"), b"ok", qos=1)
            assert await heard(ann) == [(TOPICS.of_member("ann", "ack"), b"ok")]

    asyncio.run(go())


@pytest.mark.parametrize(
    "topic", ["order", "item", "cancel", "meter/main", "status", "ack", "bill/1", "decision", "limit"]
)
def test_nobody_publishes_as_somebody_else(broker: Broker, topic: str) -> None:
    async def go() -> None:
        async with broker() as port, client(port, "exchange") as exchange, client(port, "ann") as ann:
            await subscribe(
                exchange, *(TOPICS.of_member("+", name) for name in ("order", "item", "cancel", "status", "meter/+"))
            )
            await subscribe(ann, *(TOPICS.of_member("ann", name) for name in TO_MEMBER))
            with refused():
                async with client(port, "bob") as bob:
                    await bob.publish(TOPICS.of_member("ann", topic), b"forged", qos=1)
            assert await heard(exchange) == []
            assert await heard(ann) == []

    asyncio.run(go())


def test_nobody_reads_what_is_meant_for_somebody_else(broker: Broker) -> None:
    wanted = ("#", "gridpact/#", TOPICS.public("#"), TOPICS.of_member("+", "bill/+"), TOPICS.of_member("ann", "#"))
    wanted += tuple(TOPICS.of_member("ann", name) for name in ("ack", "bill/1", "inbox/+", "order"))

    async def go() -> None:
        async with broker() as port, client(port, "exchange") as exchange, client(port, "bob") as bob:
            for each in wanted:
                with refused():
                    await bob.subscribe(each, qos=1)
            async with client(port, "ann") as ann:
                await exchange.publish(TOPICS.of_member("ann", "ack"), b"private", qos=1)
                await exchange.publish(TOPICS.of_member("ann", "bill/1"), b"private", qos=1, retain=True)
                await ann.publish(TOPICS.of_member("ann", "order"), b"private", qos=1)
                await ann.publish(TOPICS.inbox(of="ann", sender="ann"), b"private", qos=1)
            assert await heard(bob) == []

    asyncio.run(go())


def test_members_write_into_each_others_inbox_under_their_own_name_only(broker: Broker) -> None:
    async def go() -> None:
        async with broker() as port, client(port, "ann") as ann, client(port, "bob") as bob:
            await subscribe(ann, TOPICS.inbox(of="ann", sender="+"))
            await bob.publish(TOPICS.inbox(of="ann", sender="bob"), b"offer", qos=1)
            assert await heard(ann) == [(TOPICS.inbox(of="ann", sender="bob"), b"offer")]
            with refused():
                await bob.publish(TOPICS.inbox(of="ann", sender="exchange"), b"forged", qos=1)
            assert await heard(ann) == []

    asyncio.run(go())


def test_what_is_retained_at_a_bus_reaches_its_members_only_whenever_others_connect(brokers: Brokers) -> None:
    at_bus = [ACCOUNTS[0], Account("ann", hash_password("a"), (bus_grant(AREA, "bus 7/a"),)), ACCOUNTS[2]]
    topic = TOPICS.bus_price("bus 7/a")

    async def go() -> None:
        async with brokers(AREA, at_bus) as port, client(port, "exchange") as exchange, client(port, "ann") as ann:
            await subscribe(ann, topic)
            await exchange.publish(topic, b"0.25", qos=1, retain=True)
            assert await heard(ann) == [(topic, b"0.25")]
            async with client(port, "bob") as bob:
                with refused():
                    await bob.subscribe(topic, qos=1)
                assert await heard(bob) == []
            async with client(port, "ann", name="ann/late") as late:
                assert await heard(late) == []
                await subscribe(late, topic)
                assert await heard(late) == [(topic, b"0.25")]

    asyncio.run(go())


def test_who_comes_late_sees_the_present_state(broker: Broker) -> None:
    async def go() -> None:
        async with broker() as port, client(port, "exchange") as exchange:
            await exchange.publish(TOPICS.public("clock"), b"12:00", qos=1, retain=True)
            async with client(port, "bob") as bob:
                await subscribe(bob, TOPICS.public("clock"))
                assert await heard(bob) == [(TOPICS.public("clock"), b"12:00")]

    asyncio.run(go())


@pytest.mark.parametrize(("user", "password"), [("ann", "b"), ("ann", ""), ("nobody", "a"), ("", "")])
def test_without_account_and_password_nobody_is_let_in(broker: Broker, user: str, password: str) -> None:
    async def go() -> None:
        async with broker() as port:
            with pytest.raises(aiomqtt.MqttError):
                async with client(port, user, name="someone", password=password):
                    pass

    asyncio.run(go())


def test_a_last_will_cannot_speak_for_somebody_else(broker: Broker) -> None:
    async def go() -> None:
        async with broker() as port, client(port, "exchange") as exchange:
            await subscribe(exchange, TOPICS.of_member("+", "status"))
            will = aiomqtt.Will(TOPICS.of_member("ann", "status"), b"gone", qos=1)
            with refused():
                async with client(port, "bob", will=will) as bob:
                    bob._client._sock_close()  # the line breaks without a word
            assert await heard(exchange, 1.0) == []

    asyncio.run(go())


def test_a_session_with_waiting_messages_is_not_taken_over_by_somebody_else(broker: Broker) -> None:
    async def go() -> None:
        async with broker() as port, client(port, "exchange") as exchange:
            async with client(port, "ann", clean_session=False) as ann:
                await subscribe(ann, TOPICS.of_member("ann", "ack"))
            await exchange.publish(TOPICS.of_member("ann", "ack"), b"private", qos=1)
            with refused():
                async with client(port, "bob", name="ann", clean_session=False) as bob:
                    assert await heard(bob) == []

    asyncio.run(go())


def test_a_line_is_not_taken_over_by_who_knows_its_name(broker: Broker) -> None:
    """Mosquitto lets a session be taken over by whoever shows its identity: nobody else can guess it."""
    name = "exchange/north"

    async def go() -> None:
        async with (
            broker() as port,
            client(port, "exchange", name=secret_identity(name, PASSWORDS["exchange"])) as exchange,
        ):
            await subscribe(exchange, TOPICS.of_member("+", "order"))
            for guess in ("exchange", name, secret_identity(name, PASSWORDS["ann"])):
                with refused():
                    async with client(port, "ann", name=guess):
                        pass
            async with client(port, "ann") as ann:
                await ann.publish(TOPICS.of_member("ann", "order"), b"{}", qos=1)
            assert await heard(exchange, 1.0) == [(TOPICS.of_member("ann", "order"), b"{}")]

    asyncio.run(go())


def test_a_message_beyond_the_limit_is_dropped_and_the_broker_goes_on(broker: Broker) -> None:
    async def go() -> None:
        async with broker() as port, client(port, "exchange") as exchange:
            await subscribe(exchange, TOPICS.of_member("+", "order"))
            with refused():
                async with client(port, "ann") as ann:
                    await ann.publish(TOPICS.of_member("ann", "order"), bytes(MOST_BYTES + 2000), qos=1, timeout=1)
            async with client(port, "ann", name="ann") as ann:
                await ann.publish(TOPICS.of_member("ann", "order"), bytes(MOST_BYTES - 2000), qos=1)
            assert [len(payload) for _, payload in await heard(exchange, 1.0)] == [MOST_BYTES - 2000]

    asyncio.run(go())


def test_the_embedded_broker_does_not_listen_beyond_the_loopback_without_tls() -> None:
    async def go() -> None:
        async with embedded_broker(AREA, ACCOUNTS, host="0.0.0.0"):
            pass

    with pytest.raises(ValueError, match="needs TLS"):
        asyncio.run(go())


@pytest.mark.parametrize("user", ["a:b", " ann", "ann\nuser exchange", "a#", "a+", "a/b"])
def test_a_name_that_could_grant_rights_of_others_is_refused(user: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a name without"):
        mosquitto_files(AREA, [Account(user, hash_password("x"))], tmp_path, 1883)


@pytest.mark.parametrize(
    ("granted", "asked", "covered"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+/c", "a/+/c", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("a/+", "a/#", False),
        ("a/b/c", "a/#", False),
    ],
)
def test_a_grant_covers_what_lies_inside_of_it(granted: str, asked: str, covered: bool) -> None:
    assert covers(granted, asked) == covered


def test_a_member_may_write_in_its_own_name_only() -> None:
    grants = member_grants(AREA)
    assert may(grants, "ann", "write", TOPICS.of_member("ann", "order"))
    assert not may(grants, "bob", "write", TOPICS.of_member("ann", "order"))
    assert not may(grants, "ann", "write", TOPICS.public("clock"))
    assert not may(grants, "ann", "write", Topics("south").of_member("ann", "order"))
