"""A world at rest, as it is seen from outside: what the log, the stores and the devices hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from msgspec import Struct

from events.codec import DecodeError, UnknownSchema
from events.conversations import SubmissionRejected, SubmissionRepeated
from events.fence import Fence
from events.messages import MessageSent
from events.receipts import Move, ReadMarkerMoved
from events.topics import CONVERSATIONS, RECEIPTS
from infra.log_reader import Place
from tests.simulation.device import Device
from tests.simulation.kafka import Record
from tests.simulation.parts import CODEC
from tests.simulation.releases import newer
from tests.simulation.world import World

_READS_ALL = newer(CODEC)

Fact = MessageSent | SubmissionRejected | SubmissionRepeated

LOGS_CHANGE = {
    "facts_are_restored_elsewhere",
    "submissions_are_replaced",
    "submissions_lose_their_end",
}
"""Faults after which the log holds less, or other, than devices and stores were told."""


@dataclass(frozen=True)
class Seen:
    """What a check may look at."""

    world: World

    @cached_property
    def facts(self) -> list[tuple[Record, Fact]]:
        """The decisions that count, partition after partition."""
        return [(record, one) for record, one in self.counted if isinstance(one, Fact)]

    @cached_property
    def counted(self) -> list[tuple[Record, Struct]]:
        """The same, and where reading of submissions began anew."""
        return list(self._counted())

    @cached_property
    def sent(self) -> list[MessageSent]:
        """The messages among them."""
        return [fact for _, fact in self.facts if isinstance(fact, MessageSent)]

    @cached_property
    def moves(self) -> list[Move]:
        """The moves of watermarks in the log, partition after partition."""
        records = self.world.parts.log.of(RECEIPTS.name)
        return [event for event in map(decoded, records) if isinstance(event, Move)]

    @cached_property
    def moved(self) -> dict[tuple[str, str, str], int]:
        """How far they go: by conversation, user, and `delivered` or `read`."""
        moved: dict[tuple[str, str, str], int] = {}
        for move in self.moves:
            kind = "read" if isinstance(move, ReadMarkerMoved) else "delivered"
            key = (move.conversation_id, move.user_id, kind)
            moved[key] = max(move.seq, moved.get(key, 0))
        return moved

    def reached(self, conversation_id: str, user: str) -> int:
        """The highest seq that a user has, by the log; what was read was delivered."""
        return max(
            self.moved.get((conversation_id, user, kind), 0) for kind in ("delivered", "read")
        )

    @cached_property
    def began_anew(self) -> set[Place]:
        """Partitions that lost records of their end, or were replaced."""
        return {record.place for record in self.world.lost}

    def written(self) -> Iterator[tuple[Device, str, list[str]]]:
        """Each device, a conversation, and the bodies that were written there, in order."""
        for device in self.world.devices:
            for other, bodies in device.written.items():
                yield device, "d:" + ":".join(sorted((device.user_id, other))), bodies

    def _counted(self) -> Iterator[tuple[Record, Struct]]:
        for number in range(CONVERSATIONS.partitions):
            fence = Fence()
            for record in self.world.parts.log.partitions[CONVERSATIONS.name, number]:
                event = decoded(record)
                if event is not None and fence.admits(event, record.at):
                    yield record, event


def decoded(record: Record) -> Struct | None:
    """The event of a record; none when it holds none."""
    try:
        return _READS_ALL.decode(record.value())
    except (DecodeError, UnknownSchema):
        return None


def origin(record: Record) -> tuple[str, int, int]:
    """Where a dead letter comes from: topic, partition, offset."""
    headers = dict(record.headers())
    place = (headers["chat-topic"], headers["chat-partition"], headers["chat-offset"])
    topic, partition, offset = (value.decode() for value in place)  # type: ignore[union-attr]
    return topic, int(partition), int(offset)
