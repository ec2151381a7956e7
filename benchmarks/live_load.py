"""The load generator of the live benchmarks, a process of its own: signs commands, sends them, waits for every answer.

``python -m benchmarks.live_load PORT orders|readings INTERVAL MEMBERS COUNT``; prints seconds and how many were accepted.
"""

import asyncio
import sys
import time

import msgspec

from benchmarks.live_area import AREA, encode_command, key_of, member_ids
from gridpact.client import Ack, Topics
from gridpact.client.line import Line
from gridpact.exchange import PlaceOrder, ReportReading
from gridpact.ledger import SigningKey

IN_FLIGHT = 500


async def run(port: int, what: str, interval: int, members: int, count: int) -> None:
    """Send and wait."""
    topics, ids, decode = Topics(AREA), member_ids(members), msgspec.json.Decoder(Ack).decode
    authors = [f"meter-{name}" if what == "readings" else name for name in ids]
    keys: list[SigningKey] = [key_of(name) for name in authors]
    channel = "meter/main" if what == "readings" else "order"
    room, accepted, answered = asyncio.Semaphore(IN_FLIGHT), 0, asyncio.Event()
    async with Line("127.0.0.1", port, username="load", password="secret", identifier="load") as line:
        line.pending_calls_threshold = 10 * IN_FLIGHT
        await line.subscribe(topics.of_member("+", "ack"), qos=1)

        async def listen() -> None:
            nonlocal accepted
            heard = 0
            async for message in line.messages:
                accepted += decode(bytes(message.payload)).accepted
                room.release()
                heard += 1
                if heard == count:
                    answered.set()

        listening = asyncio.create_task(listen())
        begun, sending = time.perf_counter(), set[asyncio.Task[None]]()
        for number in range(count):
            at = number % members
            body = (
                ReportReading(interval, 200 * (-1) ** at)
                if what == "readings"
                else PlaceOrder(interval, at % 2 == 0, 200 + at % 50, 200_000 + (at % 2 == 0) * 20_000 + at % 1_000)
            )
            await room.acquire()
            payload = encode_command(authors[at], keys[at], f"{what}-{interval}-{number}", body)
            task = asyncio.create_task(line.publish(topics.of_member(ids[at], channel), payload, qos=1))
            sending.add(task)
            task.add_done_callback(sending.discard)
        await answered.wait()
        print(time.perf_counter() - begun, accepted, flush=True)
        listening.cancel()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), sys.argv[2], *(int(text) for text in sys.argv[3:6])))
