"""Each decision, made again from the log alone, is the same; each submission has one."""

from collections import Counter
from collections.abc import Iterator

from events.submissions import MessageSubmitted
from events.topics import SUBMISSIONS
from processors.admission.decider import AHEAD_MS, Place
from processors.admission.state import PartitionState, evolve
from tests.simulation.checks.registry import check
from tests.simulation.checks.seen import Seen, decoded, origin
from tests.simulation.rules import decide_again


def _time(appended_at: int, event: MessageSubmitted) -> int:
    if event.submitted_at is None:
        return appended_at
    return min(appended_at, event.submitted_at + AHEAD_MS)


@check("determinism", "I8")
def determinism(seen: Seen) -> Iterator[str]:
    """Each decision, made again from the log alone, is the same; each submission has one."""
    log = seen.world.parts.log
    states: dict[int, PartitionState] = {}
    decided: Counter[tuple[int, int]] = Counter()
    set_aside = {origin(letter) for letter in log.of("admission.dead")}
    for record, fact in seen.facts:
        number = record.partition()
        decided[number, fact.submission_offset] += 1
        state = states.setdefault(number, PartitionState())
        submission = log.partitions[SUBMISSIONS.name, number][fact.submission_offset]
        event = decoded(submission)
        if not isinstance(event, MessageSubmitted):
            yield f"{fact} decides about no message"
            continue
        at = max(_time(submission.time, event), state.newest_at)
        again = decide_again(state, event, Place(fact.epoch, submission.at, at))
        if again != fact:
            yield f"{fact} is {again} when it is decided again"
            return
        evolve(state, fact)
    for place, records in log.partitions.items():
        if place[0] == SUBMISSIONS.name:
            for record in records:
                count = decided[place[1], record.at]
                if count < 1 and (*place, record.at) in set_aside:
                    continue
                if isinstance(decoded(record), MessageSubmitted) and count != 1:
                    yield f"submission {place} {record.at} has {count} decisions"
