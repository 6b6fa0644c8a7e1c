"""What consumer groups have read, or decided, and the log does not hold any more.

In: how to reach the cluster. Out: a `LogLost` for each position of this log generation that the log
contradicts; roles look at the same when they start. Asks and changes nothing; blocks.
"""

from events.marks import Mark, mark_of
from events.topics import CONVERSATIONS, KEPT, SESSIONS, SUBMISSIONS
from infra.lag import TOPICS_READ
from infra.log_check import LogLost, contradicted, is_loss
from infra.log_reader import LogReader, Place
from infra.offsets import Offsets
from infra.settings import KafkaSettings

_LOOKED_AT = KEPT | {SESSIONS.name, SUBMISSIONS.name}


def losses(kafka: KafkaSettings) -> list[LogLost]:
    """Every position that the log contradicts. Raises KafkaException and TimeoutError."""
    offsets = Offsets(kafka)
    with LogReader(kafka) as reader:
        return [
            LogLost(place, f"{group} had read it up to {marks[place].offset}", holds)
            for group in TOPICS_READ
            for marks in [_marks(offsets, group, kafka.log_generation)]
            for place, holds in contradicted(reader, marks).items()
            if is_loss(place, holds)
        ]


def _marks(offsets: Offsets, group: str, generation: int) -> dict[Place, Mark]:
    places = [
        (topic.name, partition)
        for topic in TOPICS_READ[group]
        if topic.name in _LOOKED_AT
        for partition in range(topic.partitions)
    ]
    found: dict[Place, Mark] = {}
    for one in offsets.positions(group, places) if places else ():
        mark = mark_of(one.metadata, one.offset)
        if one.offset < 0 or mark is None or mark.generation != generation:
            continue
        if one.topic != SUBMISSIONS.name:
            found[one.topic, one.partition] = mark
        elif mark.fingerprint:  # admission's mark is one of the facts it decided
            found[CONVERSATIONS.name, one.partition] = mark
    return found
