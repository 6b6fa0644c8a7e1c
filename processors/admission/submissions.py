"""Where an owner begins to read `chat.submissions`, and whether it still is the log it decided.

It goes on where the group is, but never after the last message that is decided: what the group
committed may come from an owner whose decisions nobody sees. Between the two lie watermarks, whose
moves may be missing when an owner died: they are taken again, and only rise. Messages there have
their decisions, and are passed over.

The facts name the last submission that was decided, by its offset and by who sent what. When that
offset holds another submission, or lies behind the end, the topic was replaced (the facts were
restored into a new cluster) or lost its end (its copies lost power together). Then offsets are
given a second time, and an owner that went on behind the last one decided would pass over
everything until then. So it begins at the first submission whose append time is later than that of
the newest decision: what was decided is not decided again, and what was lost unanswered is sent
again by its client. Where retention took the record nothing can be compared, and nothing is wrong:
offsets that were given anew lie at the end of a log, and reading begins with what is left
(`begins`). Reads Kafka and nothing else; synchronous.
"""

from collections.abc import Mapping

from confluent_kafka import Message

from events.codec import DecodeError
from events.conversations import SubmissionsRestarted
from events.messages import MessageSubmitted
from events.topics import SUBMISSIONS
from infra.log_reader import LogReader, Place, place_of
from infra.reading import Reading
from processors.admission.remembered import message_digest
from processors.admission.state import PartitionState

LOOKED_BACK_MS = 15 * 60_000
"""So far before the newest decision reading begins when the group has forgotten where it was."""


def begins(
    reader: LogReader, states: Mapping[int, PartitionState], committed: Mapping[int, int]
) -> dict[int, int]:
    """The first submission to read of each partition. `committed` names those that the group knows.

    Retention takes what is decided, and the watermarks behind it, where all is quiet.
    """
    unknown = {
        (SUBMISSIONS.name, one): max(state.newest_at - LOOKED_BACK_MS, 0)
        for one, state in states.items()
        if one not in committed
    }
    looked_back = reader.first_since(unknown)
    bounds = reader.ends([(SUBMISSIONS.name, one) for one in states])
    found: dict[int, int] = {}
    for place, (first, _) in bounds.items():
        partition = place[1]
        reached = looked_back[place] if place in unknown else committed[partition]
        found[partition] = max(first, min(reached, states[partition].submission_offset + 1))
    return found


def restarts(
    reader: LogReader, reading: Reading, states: Mapping[int, PartitionState]
) -> dict[int, SubmissionsRestarted]:
    """The partitions whose submissions are not those that were decided, and where each begins.

    Raises NewerRelease.
    """
    found = _contradictions(reader, reading, states)
    undecided = {one for one, state in states.items() if _nothing_decided_since(state)}
    times = {(SUBMISSIONS.name, one): states[one].newest_at + 1 for one in found.keys() | undecided}
    begins = reader.first_since(times)
    for partition in undecided - found.keys():
        expected = states[partition].submission_offset + 1
        if begins[SUBMISSIONS.name, partition] < expected:
            found[partition] = f"it was replaced once more, before {expected} was decided"
    return {
        partition: SubmissionsRestarted(
            submissions_from=begins[SUBMISSIONS.name, partition],
            detail=detail,
            epoch=states[partition].epoch,
        )
        for partition, detail in found.items()
    }


def _nothing_decided_since(state: PartitionState) -> bool:
    """Whether reading began anew and nothing was decided since: there is nothing to compare."""
    return state.submission_offset >= 0 and not state.submission_digest


def _contradictions(
    reader: LogReader, reading: Reading, states: Mapping[int, PartitionState]
) -> dict[int, str]:
    bounds = reader.ends([(SUBMISSIONS.name, partition) for partition in states])
    found: dict[int, str] = {}
    stretches: dict[Place, tuple[int, int]] = {}
    for place, (low, end) in bounds.items():
        state = states[place[1]]
        decided = state.submission_offset
        if decided >= end:
            found[place[1]] = f"it ends at {end}, and {decided} was decided"
        elif decided >= low and state.submission_digest:
            stretches[place] = (decided, decided + 1)
            found[place[1]] = f"it holds another submission at {decided} than was decided"
    for record in reader.read(stretches):
        _, partition, _ = place_of(record)
        if _is(reading, record, states[partition].submission_digest):
            del found[partition]
    return found


def _is(reading: Reading, record: Message, digest: bytes) -> bool:
    try:
        event = reading.event(record)
    except DecodeError:
        return False
    return (
        isinstance(event, MessageSubmitted)
        and message_digest(event, event.client_message_id) == digest
    )
