"""Where a consumer group goes on: its committed positions, compared with the log.

In: what was committed. Out: where to start, and the epoch in force there. What happens when the
log contradicts a position depends on what the topic is:
- facts, moves and sessions: the role stops (`LogLost`). What it wrote elsewhere came from records
  that are not there any more, and new ones would get their places;
- gateways and questions, which are of the moment: it begins at the beginning, and says so.
A position of an older log generation is not believed where records are kept for ever; elsewhere it
is, as long as the log does not contradict it. Records that retention took unread are skipped,
with a warning.
"""

import asyncio
from collections.abc import Callable, Mapping

import structlog
from confluent_kafka import OFFSET_BEGINNING, Message, TopicPartition

from events.fence import NO_EPOCH
from events.marks import Mark, fingerprint_of, mark_of
from events.topics import CONVERSATIONS, GATEWAYS, KEPT, SESSIONS
from infra.log_check import LogLost, contradicted, is_loss, refuse_other_generation
from infra.log_reader import LogReader, Place, place_of

_REFUSED = KEPT | {SESSIONS.name}
_COMPACTED = frozenset({GATEWAYS.name})

log = structlog.get_logger()


class Positions:
    """The positions of one consumer group; `open_reader` opens a reader, on a thread."""

    def __init__(self, group: str, generation: int, open_reader: Callable[[], LogReader]) -> None:
        self.generation = generation
        self._group = group
        self._open_reader = open_reader

    def mark(self, record: Message, epoch: int) -> Mark:
        """The mark behind a record."""
        _, _, offset = place_of(record)
        return Mark(self.generation, offset + 1, epoch, fingerprint_of(record.value()))

    async def checked(self, committed: list[TopicPartition]) -> list[tuple[TopicPartition, int]]:
        """Where to start each partition, with its epoch. Raises LogLost."""
        marks: dict[Place, Mark] = {}
        for place in committed:
            if place.offset < 0:
                continue
            key = (place.topic, place.partition)
            mark = mark_of(place.metadata, place.offset)
            if mark is None and key[0] == CONVERSATIONS.name:
                self._begin_anew(place, "somebody else committed its position, with no epoch")
                continue
            if mark is None:
                mark = Mark(self.generation, place.offset, NO_EPOCH, "")
            refuse_other_generation(key, mark, self.generation)
            if mark.generation < self.generation and key[0] in KEPT:
                self._begin_anew(place, f"its position is of log generation {mark.generation}")
                continue
            marks[key] = mark._replace(offset=place.offset)
        found = await asyncio.to_thread(self._contradicted, marks)
        for place in committed:
            key = (place.topic, place.partition)
            if key in found:
                self._refuse(key, marks[key], found[key])
                self._begin_anew(place, f"it was read up to {place.offset}, and {found[key]}")
        return [
            (place, marks[place.topic, place.partition].epoch if place.offset >= 0 else NO_EPOCH)
            for place in committed
        ]

    async def compare(self, marks: Mapping[Place, Mark]) -> None:
        """Raises LogLost when the log contradicts a mark of its own generation."""
        own: dict[Place, Mark] = {}
        for place, mark in marks.items():
            refuse_other_generation(place, mark, self.generation)
            if mark.generation == self.generation:
                own[place] = mark
        for place, holds in (await asyncio.to_thread(self._contradicted, own)).items():
            self._refuse(place, own[place], holds)

    def _contradicted(self, marks: Mapping[Place, Mark]) -> dict[Place, str]:
        if not marks:
            return {}
        comparable = {
            place: mark._replace(fingerprint="") if place[0] in _COMPACTED else mark
            for place, mark in marks.items()
        }
        with self._open_reader() as reader:
            return contradicted(reader, comparable)

    def _refuse(self, place: Place, mark: Mark, holds: str) -> None:
        older = mark.generation < self.generation
        if place[0] in _REFUSED and not older and is_loss(place, holds):
            raise LogLost(place, f"{self._group} had read it up to {mark.offset}", holds)

    def _begin_anew(self, place: TopicPartition, reason: str) -> None:
        log.warning(
            "reading begins at the beginning",
            group=self._group,
            topic=place.topic,
            partition=place.partition,
            reason=reason,
        )
        place.offset = OFFSET_BEGINNING
