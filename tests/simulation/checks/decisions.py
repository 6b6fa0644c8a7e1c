"""Each decision, made again from the log alone, is the same; each submission has one."""

from collections import Counter
from collections.abc import Iterator

from events.conversations import SubmissionsRestarted
from events.messages import MessageSubmitted
from events.topics import SUBMISSIONS
from processors.admission.decider import AHEAD_MS
from processors.admission.place import Place
from processors.admission.remembered import message_digest
from processors.admission.state import PartitionState, evolve
from tests.simulation.checks.registry import check
from tests.simulation.checks.seen import Fact, Seen, decoded, origin
from tests.simulation.kafka import Record
from tests.simulation.rules import decide_again


def _time(appended_at: int, event: MessageSubmitted) -> int:
    if event.submitted_at is None:
        return appended_at
    return min(appended_at, event.submitted_at + AHEAD_MS)


@check("determinism", "I8")
def determinism(seen: Seen) -> Iterator[str]:
    """Each decision, made again from the log alone, is the same."""
    log = seen.world.parts.log
    states: dict[int, PartitionState] = {}
    lost: dict[tuple[int, int], list[Record]] = {}
    for record in seen.world.lost:
        lost.setdefault((record.partition(), record.at), []).append(record)
    for record, fact in seen.facts:
        number, offset = record.partition(), fact.submission_offset
        state = states.setdefault(number, PartitionState())
        there = log.partitions[SUBMISSIONS.name, number][offset : offset + 1]
        about = [one for one in lost.get((number, offset), []) + there if _is_about(fact, one)]
        if not about:
            yield f"{fact} decides about no message"
            continue
        again = [_again(state, one, fact) for one in about]
        if fact not in again:
            yield f"{fact} is {again} when it is decided again"
            return
        evolve(state, fact)


@check("decisions", "I1")
def decisions(seen: Seen) -> Iterator[str]:
    """Each submission in the log has one decision.

    Where the topic lost its end, reading begins anew behind the time of the newest decision: what
    lies before may have none (its device sends it again), or a second one that says that it is a
    repeat. When a repeat comes to lie just where the lost one lay, nothing is seen and what
    lies before it is passed over; then each of these has a decision elsewhere.
    """
    decided = Counter(
        (record.partition(), fact.submission_offset, _digest(fact)) for record, fact in seen.facts
    )
    passed_over = _passed_over(seen)
    answered = {digest for _, _, digest in decided}
    has_lost = {record.partition() for record in seen.world.lost}
    set_aside = {origin(letter) for letter in seen.world.parts.log.of("admission.dead")}
    for record in seen.world.parts.log.of(SUBMISSIONS.name):
        event = decoded(record)
        if not isinstance(event, MessageSubmitted) or (*record.place, record.at) in set_aside:
            continue
        count = decided[record.partition(), record.at, _digest(event)]
        until = passed_over.get(record.partition(), -1)
        if not count and record.partition() in has_lost and _digest(event) in answered:
            continue
        if (count > 1 and until < 0) or (count < 1 and record.time > until):
            yield f"submission {record.place} {record.at} has {count} decisions"


def _passed_over(seen: Seen) -> dict[int, int]:
    """Where reading began anew: the time of the newest decision before that."""
    newest: dict[int, int] = {}
    found: dict[int, int] = {}
    for record, event in seen.counted:
        number = record.partition()
        if isinstance(event, SubmissionsRestarted):
            found[number] = newest.get(number, 0)
        at = getattr(event, "sent_at", None) or getattr(event, "rejected_at", 0)
        newest[number] = max(at, newest.get(number, 0))
    return found


def _digest(one: MessageSubmitted | Fact) -> bytes:
    return message_digest(one, one.client_message_id)


def _is_about(fact: Fact, record: Record) -> bool:
    event = decoded(record)
    return isinstance(event, MessageSubmitted) and _digest(event) == _digest(fact)


def _again(state: PartitionState, record: Record, fact: Fact) -> Fact:
    event = decoded(record)
    assert isinstance(event, MessageSubmitted)
    at = max(_time(record.time, event), state.newest_at)
    return decide_again(state, event, Place(fact.epoch, record.at, at))
