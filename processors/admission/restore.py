"""How admission comes to know its partitions: newest snapshot, then the log after it.

`restore` folds partitions of the fact log up to given offsets, and their receipts up to the end,
with the same `evolve` as the live writer. Without a snapshot it folds from the start. Reads Kafka
and nothing else; synchronous.
"""

from collections.abc import Callable, Mapping

import structlog
from confluent_kafka import Message
from msgspec import Struct

from events.codec import BeyondRelease, Codec, DecodeError, UnknownSchema
from events.fence import Fence
from events.snapshots import SnapshotCompleted, SnapshotPartWritten
from events.topics import CONVERSATIONS, RECEIPTS, SNAPSHOTS
from infra.log_reader import LogReader, Place, place_of
from infra.reading import Reading
from processors.admission.state import PartitionState, add_snapshot, evolve, initial

_TAIL_RECORDS = 32
_WIDEN = 16

log = structlog.get_logger()


def restore(
    reader: LogReader, codec: Codec, look_up: Callable[[int], bool], fact_ends: Mapping[int, int]
) -> dict[int, PartitionState]:
    """The state of each partition below the given offset of its fact log.

    Raises NewerRelease when a record there is of a release that knows more.
    """
    reading = Reading(codec, look_up)
    states = newest_snapshots(reader, codec, fact_ends)
    receipts = [(RECEIPTS.name, partition) for partition in fact_ends]
    receipt_ends = {place[1]: end for place, (_, end) in reader.ends(receipts).items()}
    stretches: dict[Place, tuple[int, int]] = {}
    for partition, state in states.items():
        facts = (CONVERSATIONS.name, partition)
        stretches[facts] = (state.fact_offset, fact_ends[partition])
        moves = (RECEIPTS.name, partition)
        stretches[moves] = (state.receipt_offset, receipt_ends[partition])
    fences = {partition: Fence(state.epoch) for partition, state in states.items()}
    for record in reader.read(stretches):
        _, partition, offset = place_of(record)
        fold(states[partition], fences[partition], reading, record, offset)
    for partition, state in states.items():
        state.epoch = fences[partition].epoch
        state.fact_offset = max(state.fact_offset, fact_ends[partition])
        state.receipt_offset = max(state.receipt_offset, receipt_ends[partition])
    return states


def fold(
    state: PartitionState, fence: Fence, reading: Reading, record: Message, offset: int
) -> None:
    """Fold one record of the fact log or of the receipts.

    What never was an event of theirs is passed over: it is no decision, and the log's other readers
    have set it aside with its bytes. Nothing else is.
    """
    try:
        event = reading.event(record)
    except DecodeError as error:
        log.warning(
            "passed over",
            topic=record.topic(),
            partition=record.partition(),
            offset=offset,
            error=str(error),
        )
        return
    if record.topic() == RECEIPTS.name or fence.admits(event, offset):
        evolve(state, event)


def newest_snapshots(
    reader: LogReader, codec: Codec, fact_ends: Mapping[int, int]
) -> dict[int, PartitionState]:
    """The newest complete snapshot at or below each offset, or the initial state."""
    completed = _newest_completed(reader, codec, fact_ends)
    states = {partition: initial() for partition in fact_ends}
    parts_seen: dict[int, int] = dict.fromkeys(completed, 0)
    stretches = {
        (SNAPSHOTS.name, partition): (found.first_part_offset, offset)
        for partition, (offset, found) in completed.items()
    }
    for record in reader.read(stretches):
        _, partition, _ = place_of(record)
        found = completed[partition][1]
        part = _decoded(codec, record)
        if (
            isinstance(part, SnapshotPartWritten)
            and (part.fact_offset, part.receipt_offset) == (found.fact_offset, found.receipt_offset)
            and part.part == parts_seen[partition]
        ):
            add_snapshot(states[partition], part.conversations, part.remembered)
            parts_seen[partition] += 1
    for partition, (_, found) in completed.items():
        if parts_seen[partition] != found.parts:
            states[partition] = initial()  # retention took some of it: fold from the start
            continue
        state = states[partition]
        state.epoch = found.epoch
        state.submission_offset = found.submission_offset
        state.newest_at = found.newest_at
        state.fact_offset = found.fact_offset
        state.receipt_offset = found.receipt_offset
    return states


def _newest_completed(
    reader: LogReader, codec: Codec, fact_ends: Mapping[int, int]
) -> dict[int, tuple[int, SnapshotCompleted]]:
    """For each partition the newest usable SnapshotCompleted and its offset.

    Looks at the tail of each partition first, and at ever more of it where nothing was found.
    """
    found: dict[int, tuple[int, SnapshotCompleted]] = {}
    bounds = reader.ends([(SNAPSHOTS.name, partition) for partition in fact_ends])
    tail = _TAIL_RECORDS
    while bounds:
        stretches = {place: (max(low, high - tail), high) for place, (low, high) in bounds.items()}
        for record in reader.read(stretches):
            event = _decoded(codec, record)
            _, partition, offset = place_of(record)
            if isinstance(event, SnapshotCompleted) and event.fact_offset <= fact_ends[partition]:
                found[partition] = (offset, event)
        bounds = {
            place: (low, high)
            for place, (low, high) in bounds.items()
            if place[1] not in found and high - tail > low
        }
        tail *= _WIDEN
    return found


def _decoded(codec: Codec, record: Message) -> Struct | None:
    """The event, or nothing: a snapshot is only a short cut, so one that cannot be read, or that a
    newer release wrote in its own way, is no loss."""
    try:
        return codec.decode(record.value())
    except (DecodeError, UnknownSchema, BeyondRelease):
        return None
