"""An old owner of every partition goes on writing while people chat and readers restart.

It claimed before the present owner did, and decides by other rules; fan-out and history are killed
in between and start again in the middle of the log. Nobody sees anything of it (D2).
"""

import asyncio
import contextlib
import random

import pytest

from client.messages import direct_conversation
from events.conversations import SubmissionRejected, WriterClaimed
from events.messages import MessageSent
from events.topics import CONVERSATIONS, partition_of
from infra.producer import Publisher
from infra.stack.stack import Stack
from tests.examples import NOON, message_id
from tests.journeys.traffic import Rows, Traffic
from tests.live import codec_of, kafka_of, until


class OldOwner:
    """A process that was replaced and does not know it."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._epochs: list[int] = []
        self.written = 0

    async def claim(self) -> None:
        claim = WriterClaimed(writer_id="an old release")
        self._epochs = await asyncio.gather(
            *(
                self._publisher.publish(CONVERSATIONS, claim, partition=partition)
                for partition in range(CONVERSATIONS.partitions)
            )
        )

    async def write(self, conversations: list[tuple[str, str]]) -> None:
        """Decide on and on: bogus messages and refusals, in the place of the present owner."""
        choose = random.Random(7)
        while True:
            conversation_id, sender_id = choose.choice(conversations)
            partition = partition_of(conversation_id)
            self.written += 1
            common = {
                "conversation_id": conversation_id,
                "sender_id": sender_id,
                "device_id": "phone",
                "client_message_id": message_id(self.written),
                "epoch": self._epochs[partition],
                "submission_offset": 10**9 + self.written,
            }
            seq = self.written
            sent = MessageSent(
                seq=seq,
                message_number=seq,
                kind="text",
                body="from the grave",
                sent_at=NOON,
                **common,  # type: ignore[arg-type]
            )
            refused = SubmissionRejected(
                code="old",
                detail="Old rules.",
                rejected_at=NOON,
                **common,  # type: ignore[arg-type]
            )
            for fact in (sent, refused):
                await self._publisher.publish(CONVERSATIONS, fact, partition=partition)
            await asyncio.sleep(0.02)


async def test_nobody_sees_anything_of_an_old_owner(
    system: Stack, traffic: Traffic, rows: Rows
) -> None:
    publisher = Publisher(
        kafka_of(system),
        codec_of(system),
        message_timeout_seconds=30,
        on_fatal=pytest.fail,
    )
    await publisher.start()
    old = OldOwner(publisher)
    await old.claim()
    await asyncio.to_thread(system.kill, "worker-admission")
    await asyncio.to_thread(system.start_part, "worker-admission")

    stop = asyncio.Event()
    sending = asyncio.create_task(traffic.send(100, stop))
    pairs = [
        (direct_conversation(one.user_id, other.user_id), one.user_id)
        for one, other in traffic.pairs
    ]
    writing = asyncio.create_task(old.write(pairs))
    for reader in ("worker-fanout", "worker-history"):
        await asyncio.sleep(1.5)
        await asyncio.to_thread(system.kill, reader)
        await asyncio.to_thread(system.start_part, reader)
    await until(lambda: old.written > 50, what="enough of the old owner")
    stop.set()
    await sending
    await traffic.settle(120)
    await traffic.until_written(rows, 120)
    writing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await writing
    await publisher.stop()

    assert await asyncio.to_thread(traffic.wrong, rows) == []
