"""What a new owner would know of its partitions, with the help of snapshots, against the log."""

from collections.abc import Iterator

from events.conversations import SubmissionsRestarted
from events.receipts import DeliveredMarkerMoved, ReadMarkerMoved
from events.topics import CONVERSATIONS, PARTITIONS, RECEIPTS
from processors.admission.restore import restore
from tests.simulation.checks.registry import check
from tests.simulation.checks.seen import Seen, decoded
from tests.simulation.kafka import SimulatedReader
from tests.simulation.parts import CODEC
from tests.simulation.releases import newer


@check("restored", "I9")
def restored(seen: Seen) -> Iterator[str]:
    """Seqs, numbers and markers are those of the log, and what was decided is known as decided."""
    log = seen.world.parts.log
    ends = {one: len(log.partitions[CONVERSATIONS.name, one]) for one in range(PARTITIONS)}
    states = restore(
        SimulatedReader(log),  # type: ignore[arg-type]
        newer(CODEC),
        lambda _: False,
        ends,
        seen.world.parts.log_generation,
    )
    known = {
        name: (one.seq, one.message_number, {key: seq for key, seq in one.markers.items() if seq})
        for state in states.values()
        for name, one in state.conversations.items()
    }
    expected: dict[str, tuple[int, int, dict[tuple[str, str], int]]] = {}
    for fact in seen.sent:
        expected[fact.conversation_id] = (fact.seq, fact.message_number, {})
    for record in log.of(RECEIPTS.name):
        match decoded(record):
            case ReadMarkerMoved() as move:
                key = (move.user_id, "read")
            case DeliveredMarkerMoved() as move:
                key = (move.user_id, "delivered")
            case _:
                continue
        markers = expected[move.conversation_id][2]
        markers[key] = max(move.seq, markers.get(key, 0))
    if known != expected:
        yield f"a new owner would know {known}, there is {expected}"
    decided = dict.fromkeys(range(PARTITIONS), -1)
    for record, fact in seen.counted:
        number = record.partition()
        if isinstance(fact, SubmissionsRestarted):
            decided[number] = fact.submissions_from - 1
        else:
            decided[number] = max(decided[number], fact.submission_offset)  # type: ignore[attr-defined]
    for number, state in states.items():
        if state.submission_offset != decided[number]:
            yield f"a new owner of {number} would go on at {state.submission_offset}, not {decided}"
