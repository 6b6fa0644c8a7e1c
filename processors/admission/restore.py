"""How admission comes to know its partitions: newest snapshot, then the log after it.

`restore` folds partitions of the fact log up to given offsets, and their receipts up to the end,
with the same `evolve` as the live writer; `fold_on` takes states further. Without a snapshot it
folds from the start. Reads Kafka and nothing else; synchronous.
"""

from collections.abc import Callable, Mapping

import structlog
from confluent_kafka import Message
from msgspec import Struct

from events.codec import BeyondRelease, Codec, DecodeError, UnknownSchema
from events.fence import Fence
from events.marks import Mark
from events.snapshots import SnapshotCompleted, SnapshotPartWritten, digest_of_parts
from events.topics import CONVERSATIONS, RECEIPTS, SNAPSHOTS
from infra.log_check import LogLost, contradicted, refuse_other_generation
from infra.log_reader import LogReader, Place, place_of
from infra.reading import Reading
from processors.admission.state import PartitionState, add_snapshot, evolve, initial

_TAIL_RECORDS = 32
_WIDEN = 16

log = structlog.get_logger()


def restore(
    reader: LogReader,
    codec: Codec,
    look_up: Callable[[int], bool],
    fact_ends: Mapping[int, int],
    generation: int = 0,
) -> dict[int, PartitionState]:
    """The state of each partition below the given offset of its fact log.

    Raises NewerRelease when a record there is of a release that knows more, and LogLost when the
    log does not hold what a snapshot was folded from.
    """
    states = newest_snapshots(reader, codec, fact_ends, generation)
    fold_on(reader, Reading(codec, look_up), states, fact_ends)
    return states


def fold_on(
    reader: LogReader,
    reading: Reading,
    states: Mapping[int, PartitionState],
    fact_ends: Mapping[int, int],
) -> None:
    """Bring states up to the given offsets of their fact logs, and to the end of their receipts."""
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
    reader: LogReader, codec: Codec, fact_ends: Mapping[int, int], generation: int = 0
) -> dict[int, PartitionState]:
    """The newest complete snapshot at or below each offset, or the initial state.

    Those of another generation of the log are passed over. One of this generation that the log
    contradicts says that facts are lost: raises LogLost.
    """
    completed = _newest_completed(reader, codec, fact_ends, generation)
    begins = reader.ends([(SNAPSHOTS.name, partition) for partition in completed])
    states = {partition: initial() for partition in fact_ends}
    parts_seen: dict[int, int] = dict.fromkeys(completed, 0)
    digests = {partition: digest_of_parts() for partition in completed}
    stretches = {
        (SNAPSHOTS.name, partition): (
            max(found.first_part_offset, begins[SNAPSHOTS.name, partition][0]),
            offset,
        )
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
            digests[partition].update(record.value() or b"")
    for partition, (_, found) in completed.items():
        is_whole = parts_seen[partition] == found.parts
        if not is_whole or found.parts_digest not in ("", digests[partition].hexdigest()):
            # Retention took some of it, or another release wrote between its parts.
            log.warning(
                "snapshot not usable: the log is folded from its start", partition=partition
            )
            states[partition] = initial()
            continue
        state = states[partition]
        state.epoch = found.epoch
        state.submission_offset = found.submission_offset
        state.submission_digest = bytes.fromhex(found.submission_digest)
        state.newest_at = found.newest_at
        state.fact_offset = found.fact_offset
        state.receipt_offset = found.receipt_offset
        state.fact_fingerprint = found.fact_fingerprint
        state.receipt_fingerprint = found.receipt_fingerprint
    return states


def _newest_completed(
    reader: LogReader, codec: Codec, fact_ends: Mapping[int, int], generation: int
) -> dict[int, tuple[int, SnapshotCompleted]]:
    """For each partition the newest usable SnapshotCompleted and its offset.

    Looks at the tail of each partition first, and at ever more of it where nothing was found.
    """
    found: dict[int, tuple[int, SnapshotCompleted]] = {}
    newest: dict[int, SnapshotCompleted] = {}
    bounds = reader.ends([(SNAPSHOTS.name, partition) for partition in fact_ends])
    tail = _TAIL_RECORDS
    while bounds:
        stretches = {place: (max(low, high - tail), high) for place, (low, high) in bounds.items()}
        for record in reader.read(stretches):
            event = _decoded(codec, record)
            _, partition, offset = place_of(record)
            if not isinstance(event, SnapshotCompleted) or event.log_generation < 0:
                continue
            place = (SNAPSHOTS.name, partition)
            refuse_other_generation(place, _mark(event.fact_offset, "", event), generation)
            if event.log_generation == generation:
                newest[partition] = event
                if event.fact_offset <= fact_ends[partition]:
                    found[partition] = (offset, event)
        bounds = {
            place: (low, high)
            for place, (low, high) in bounds.items()
            if place[1] not in found and high - tail > low
        }
        tail *= _WIDEN
    _compare(reader, newest)
    _compare(reader, {partition: event for partition, (_, event) in found.items()})
    return found


def _compare(reader: LogReader, snapshots: Mapping[int, SnapshotCompleted]) -> None:
    """Raises LogLost when the log does not hold what a snapshot was folded from."""
    marks = {}
    for partition, event in snapshots.items():
        facts, moves = (CONVERSATIONS.name, partition), (RECEIPTS.name, partition)
        marks[facts] = _mark(event.fact_offset, event.fact_fingerprint, event)
        marks[moves] = _mark(event.receipt_offset, event.receipt_fingerprint, event)
    for place, holds in contradicted(reader, marks).items():
        raise LogLost(place, f"a snapshot was folded up to {marks[place].offset}", holds)


def _mark(offset: int, fingerprint: str, event: SnapshotCompleted) -> Mark:
    return Mark(event.log_generation, offset, event.epoch, fingerprint)


def _decoded(codec: Codec, record: Message) -> Struct | None:
    """The event, or nothing: a snapshot is only a shortcut, so one that cannot be read, or that a
    newer release wrote in its own way, is no loss."""
    try:
        return codec.decode(record.value())
    except (DecodeError, UnknownSchema, BeyondRelease):
        return None
