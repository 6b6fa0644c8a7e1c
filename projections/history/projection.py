"""Facts to rows of the timeline. Pure.

In: a fact and its position. Out: the rows that its feature makes of it (`features`); with the first
fact of a bucket also where the conversation now ends. The rows of a seq are the same whoever
projects it and how often (I9).
"""

from typing import Any, NamedTuple

from events.features import FACT_TYPES, table
from projections.cells import Cell
from projections.history.rows import TimelineRow

BUCKET_SEQS = 4096
"""Facts in one partition of the timeline."""


class BucketStarted(NamedTuple):
    """A conversation now ends in this bucket."""

    conversation_id: str
    bucket: int
    position: int


Write = TimelineRow | BucketStarted

_FACTS = frozenset(FACT_TYPES)
_ROWS = table("projections.history.features", "ROWS")


def bucket_of(seq: int) -> int:
    """The bucket that holds a seq."""
    return seq // BUCKET_SEQS


def project(event: Any, position: int) -> list[Write]:
    """The writes of one record. What is no fact leaves none."""
    if type(event) not in _FACTS:
        return []
    writes: list[Write] = list(_ROWS[type(event)](event, bucket_of(event.seq), position))
    if event.seq == 1 or event.seq % BUCKET_SEQS == 0:
        writes.append(BucketStarted(event.conversation_id, bucket_of(event.seq), position))
    return writes


def cells(write: Write) -> list[Cell]:
    """The cells of a write."""
    match write:
        case TimelineRow(conversation_id, bucket, seq):
            newest = ("newest_by_sender", conversation_id, bucket, write.sender_id)
            return [
                Cell(("timeline", conversation_id, bucket, seq), write.content, write.position),
                Cell(newest, seq, write.position),
            ]
        case BucketStarted(conversation_id, bucket, position):
            return [Cell(("newest_buckets", conversation_id), bucket, position)]
