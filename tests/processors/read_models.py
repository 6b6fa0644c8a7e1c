"""The read-model workers on the real stack, and what tests do around them: facts put into the log
as their writer would, a gateway's delivery topic read, the parts of a role used in this process."""

import dataclasses
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from events.conversations import WriterClaimed
from events.deliveries import FramesRouted
from events.messages import MessageSent
from events.topics import CONVERSATIONS, DELIVERIES, delivery_topic, partition_of
from infra import topics
from infra.producer import Publisher
from infra.settings import load
from infra.stack.services import worker
from infra.stack.stack import Stack
from infra.telemetry import Telemetry
from processors.context import Context, Settings
from tests.live import codec_of, kafka_of, records

WORKER = "worker-read-models"
ROLES = ("history", "receipts", "sessions", "queries")


@contextmanager
def running_worker(stack: Stack, roles: tuple[str, ...] = ROLES) -> Iterator[Stack]:
    """One worker process with the roles."""
    stack.run(worker(stack.ports, WORKER, roles))
    yield stack
    stack.stop_part(WORKER)


@asynccontextmanager
async def context_of(stack: Stack) -> AsyncIterator[Context]:
    """What a role is given, in this process."""
    context = Context(load(Settings, stack.environment()), codec_of(stack), Telemetry("test"))
    context.publisher = Publisher(
        kafka_of(stack),
        context.codec,
        message_timeout_seconds=60,
        on_fatal=lambda reason: None,
    )
    await context.publisher.start()
    yield context
    await context.publisher.stop()
    await context.close()


@dataclass
class Writer:
    """Puts facts into the log as the only writer of their partition."""

    publisher: Publisher
    epochs: dict[int, int] = dataclasses.field(default_factory=dict)

    async def claim(self, partition: int) -> int:
        """Become the writer of a partition: the claim's offset is the epoch."""
        claim = WriterClaimed(writer_id="test")
        epoch = await self.publisher.publish(CONVERSATIONS, claim, partition=partition)
        self.epochs[partition] = epoch
        return epoch

    async def put(self, *facts: MessageSent, epoch: int | None = None) -> None:
        """Append facts under the epoch of their partition's claim, or under another."""
        for fact in facts:
            partition = partition_of(fact.conversation_id)
            if partition not in self.epochs:
                await self.claim(partition)
        confirmations = [
            self.publisher.publish(
                CONVERSATIONS,
                msgspec.structs.replace(
                    fact,
                    epoch=self.epochs[partition_of(fact.conversation_id)]
                    if epoch is None
                    else epoch,
                ),
                key=fact.conversation_id,
            )
            for fact in facts
        ]
        for confirmation in confirmations:
            await confirmation


@dataclass
class Gateway:
    """A gateway as workers see it: an id, an epoch, a delivery topic."""

    stack: Stack
    gateway_id: str
    gateway_epoch: str = "e1"

    @classmethod
    def new(cls, stack: Stack) -> "Gateway":
        """With a topic of its own."""
        gateway = cls(stack, f"gateway-{uuid.uuid4().hex[:8]}")
        topic = dataclasses.replace(DELIVERIES, name=delivery_topic(gateway.gateway_id))
        topics.apply(load(Settings, stack.environment()).kafka, (topic,))
        return gateway

    def received(self) -> list[Struct]:
        """Everything that was routed to it, in order."""
        codec = codec_of(self.stack)
        return [
            codec.decode(record.value())
            for record in records(self.stack, delivery_topic(self.gateway_id), 0)
        ]

    def frames(self, session_id: int) -> list[dict[str, object]]:
        """The frames for one session, in order."""
        return [
            msgspec.json.decode(routed.frame)
            for event in self.received()
            if isinstance(event, FramesRouted) and event.gateway_epoch == self.gateway_epoch
            for routed in event.frames
            if session_id in routed.session_ids
        ]
