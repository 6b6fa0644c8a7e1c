"""Records that should not be in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.codec import EncodeError
from events.topics import CONVERSATIONS, GATEWAYS, QUERIES, SESSIONS, SUBMISSIONS
from tests.simulation.faults.registry import fault
from tests.simulation.hostile import anything
from tests.simulation.parts import CODEC

if TYPE_CHECKING:
    from tests.simulation.world import World

_RETRY_MS_MAX = 60_000
_POISON = (b"nonsense", b"", b"\x00\x00\x00\x00\x01\xff", b"\x00\x00\x00\x99\x99?", None)


@fault
def poison(world: World) -> None:
    """Bytes that are no event, in the submissions or among the facts."""
    topic = world.random.choice((SUBMISSIONS.name, CONVERSATIONS.name))
    partition = world.random.randrange(SUBMISSIONS.partitions)
    value = world.random.choice(
        (b"nonsense", b"", b"\x00\x00\x00\x00\x01\xff", b"\x00\x00\x00\x99\x99?", None)
    )
    offset = world.parts.log.append((topic, partition), b"poison", value)
    world.poison.append((topic, partition, offset))


@fault
def old_submissions_are_deleted(world: World) -> None:
    """Retention takes what admission has acknowledged, the watermarks behind a message too.

    As when the machine was off for a week: what starts then must not look for them.
    """
    world.commit_all()
    replaced = {record.place for record in world.lost}  # what was acknowledged is of another log
    for partition in range(SUBMISSIONS.partitions):
        place = (SUBMISSIONS.name, partition)
        if place in replaced:
            continue
        acknowledged = world.parts.committed("admission", place)
        world.parts.log.starts[place] = max(world.parts.log.start(place), acknowledged)
    world.restart_workers()


@fault
def record_appended_twice(world: World) -> None:
    """A broker's retry that the producer's idempotence did not catch (librdkafka issue 4953)."""
    place = (SUBMISSIONS.name, world.random.randrange(SUBMISSIONS.partitions))
    if records := world.parts.log.partitions[place]:
        last = records[-1]
        if abs(world.broker_ms() - last.time) < _RETRY_MS_MAX:
            offset = world.parts.log.append(place, last.key(), last.value())
            if (*place, last.at) in world.poison:
                world.poison.append((*place, offset))
            if (place, last.at) in world.hostile:
                world.hostile.add((place, offset))


@fault
def hostile_records(world: World) -> None:
    """Whole events of any contents, where only gateways should write, at any partition."""
    for _ in range(4):
        topic = world.random.choice((SUBMISSIONS, SESSIONS, GATEWAYS, QUERIES))
        event = anything(world.random, world.random.choice(topic.events))
        try:
            value = CODEC.encode(event)
        except EncodeError:
            continue
        place = (topic.name, world.random.randrange(topic.partitions))
        world.hostile.add((place, world.parts.log.append(place, b"hostile", value)))
