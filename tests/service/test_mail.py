"""Sealed inboxes on both brokers: members write to each other, and nobody else learns what."""

import asyncio
from contextlib import AsyncExitStack

import msgspec

from gridpact.client import KeyIs, Mail, Market, open_mail
from gridpact.client.line import Line
from gridpact.client.sealing import Route, Sealer, wall_clock
from gridpact.client.topics import Topics
from gridpact.exchange import Role
from gridpact.ledger import to_text
from gridpact.service.broker import Account, Grant, hash_password
from service.conftest import Brokers
from service.live import AREA, Clock, accounts, key_of, live, member

TOPICS = Topics(AREA)
WIRETAP = Account(
    "wiretap",
    hash_password("password of wiretap"),
    (Grant("read", "gridpact/#"), Grant("write", "gridpact/#")),
    is_member=False,
)
"""Sees and says all that the broker itself could."""
PATIENCE_S = 30.0


async def mail_of(stack: AsyncExitStack, port: int, name: str) -> tuple[Market, Mail]:
    market = await stack.enter_async_context(member(port, name))
    return market, await open_mail(market, key_of("market").public)


async def letters(mail: Mail, subject: str, count: int) -> list[tuple[str, bytes]]:
    tray, found = mail.tray(subject), []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < count:
            await tray.arrived.wait()
            found += tray.take()
    return found


async def refused(mail: Mail, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while mail.refused.total() < count:
            await asyncio.sleep(0.01)


def test_members_find_each_other_in_the_directory_and_write_what_nobody_else_reads(brokers: Brokers) -> None:
    async def go() -> None:
        async with AsyncExitStack() as stack:
            port = await stack.enter_async_context(brokers(AREA, [*accounts(), WIRETAP]))
            await stack.enter_async_context(live("sqlite://", port, Clock()))
            tap = await stack.enter_async_context(
                Line("127.0.0.1", port, username="wiretap", password="password of wiretap", identifier="wiretap")
            )
            await tap.subscribe("gridpact/v1/+/member/+/inbox/+", qos=1)
            (_, ann), (_, bob) = await mail_of(stack, port, "ann"), await mail_of(stack, port, "bob")
            await ann.until_known("bob")
            await bob.until_known("ann")
            assert ann.members() == ["ann", "bob"]
            await ann.send("bob", "tonight", b"1 kWh, back tomorrow?")
            await ann.send("bob", "tonight", b"")
            await bob.send("ann", "tonight", b"yes")
            assert await letters(bob, "tonight", 2) == [("ann", b"1 kWh, back tomorrow?"), ("ann", b"")]
            assert await letters(ann, "tonight", 1) == [("bob", b"yes")]
            seen = []
            async with asyncio.timeout(PATIENCE_S):
                async for message in tap.messages:
                    seen.append(message)
                    if len(seen) == 3:
                        break
            assert {str(message.topic) for message in seen} == {TOPICS.inbox("bob", "ann"), TOPICS.inbox("ann", "bob")}
            assert len({len(bytes(message.payload)) for message in seen}) == 1
            for message in seen:
                assert not any(word in bytes(message.payload) for word in (b"kWh", b"yes", b"tonight", b"ann", b"bob"))
                assert not message.retain
            for message in seen:  # the broker says everything again, also under the other one's name
                await tap.publish(str(message.topic), message.payload, qos=1)
            await tap.publish(TOPICS.inbox("bob", "bob"), seen[0].payload, qos=1)
            await refused(bob, 3)
            await refused(ann, 1)
            assert set(ann.refused) == {"a letter that has arrived before"}
            assert bob.tray("tonight").take() == ann.tray("tonight").take() == []

    asyncio.run(go())


def test_letters_of_strangers_rubbish_and_unsigned_entries_are_counted_and_change_nothing(brokers: Brokers) -> None:
    async def go() -> None:
        async with AsyncExitStack() as stack:
            port = await stack.enter_async_context(brokers(AREA, [*accounts(), WIRETAP]))
            await stack.enter_async_context(live("sqlite://", port, Clock()))
            _, ann = await mail_of(stack, port, "ann")
            await ann.until_known("bob")
            tap = await stack.enter_async_context(
                Line("127.0.0.1", port, username="wiretap", password="password of wiretap", identifier="wiretap")
            )
            own = to_text(key_of("wiretap").public)
            entries = [
                KeyIs(AREA, "eve", Role.MEMBER, own).signed(key_of("wiretap")),
                KeyIs(AREA, "eve", Role.MEMBER, own),
                KeyIs("south", "eve", Role.MEMBER, own).signed(key_of("market")),
                KeyIs(AREA, "bob", Role.MEMBER, own).signed(key_of("market")),
            ]
            for entry in entries:
                await tap.publish(TOPICS.public("directory/x"), msgspec.json.encode(entry), qos=1)
            for topic, payload in (("decision", b"\xff"), ("decision", b'{"kind":"new"}'), ("limit", b"")):
                await tap.publish(TOPICS.of_member("ann", topic), payload, qos=1)  # passed over, and the line goes on
            await tap.publish(TOPICS.public("directory/x"), b"{", qos=1)
            await tap.publish(TOPICS.inbox("ann", "eve"), b"rubbish", qos=1)
            await tap.publish(TOPICS.inbox("ann", "bob"), b"rubbish", qos=1)
            await refused(ann, 7)
            assert ann.refused["an entry that the exchange has not signed"] == 3
            assert ann.refused["another key of somebody known"] == 1
            assert ann.keys["bob"] == key_of("bob").public
            assert "eve" not in ann.keys

    asyncio.run(go())


def test_letters_wait_until_somebody_asks_for_them_but_not_without_end() -> None:
    from gridpact.client import mail as module

    async def nowhere(_topic: str, _payload: bytes, _qos: int) -> None:
        raise AssertionError

    async def go() -> None:
        sent: list[tuple[str, bytes]] = []

        async def keep(topic: str, payload: bytes, _qos: int) -> None:
            sent.append((topic, payload))

        ann = Mail("ann", key_of("ann"), TOPICS, keep, key_of("market").public)
        bob = Mail("bob", key_of("bob"), TOPICS, nowhere, key_of("market").public, lambda: wall_clock())
        for each in (ann, bob):
            for name in ("ann", "bob"):
                entry = KeyIs(AREA, name, Role.MEMBER, to_text(key_of(name).public)).signed(key_of("market"))
                each.learn("", msgspec.json.encode(entry))
        for number in range(module.MOST_SUBJECTS + 1):
            await ann.send("bob", f"subject {number}", b"?")
        for topic, payload in sent:
            bob.take(topic, payload)
        assert bob.tray("subject 0").take() == []
        assert bob.tray("subject 1").take() == [("ann", b"?")]
        assert bob.refused.total() == 1
        topic = TOPICS.inbox("bob", "ann")
        sealer = Sealer(
            key_of("ann"), Route(topic, "ann", "bob", key_of("ann").public, key_of("bob").public), wall_clock
        )
        for body in (b"\x92\xa1\xff\xc4\x00", b"\x91" * 5_000, b"\xc1", b""):
            bob.take(topic, sealer.seal(body))
        assert bob.refused["what is sealed is no letter"] == 4

    asyncio.run(go())
