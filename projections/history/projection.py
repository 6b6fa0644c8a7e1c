"""Facts to rows of the timeline. Pure.

In: a fact and its position. Out: its row; with the first fact of a bucket also where the
conversation now ends. The row of a seq is the same whoever projects it and how often (I9).
"""

from typing import NamedTuple

from msgspec import Struct

from events.conversations import MessageSent
from projections.cells import Cell

BUCKET_SEQS = 4096
"""Facts in one partition of the timeline."""


class TimelineRow(NamedTuple):
    """One fact of a conversation as it is kept. Its seq is so far the newest of its sender."""

    conversation_id: str
    bucket: int
    seq: int
    message_number: int
    sender_id: str
    device_id: str
    client_message_id: str
    kind: str
    body: str
    reply_to_seq: int | None
    sent_at: int
    position: int


class BucketStarted(NamedTuple):
    """A conversation now ends in this bucket."""

    conversation_id: str
    bucket: int
    position: int


Write = TimelineRow | BucketStarted


def bucket_of(seq: int) -> int:
    """The bucket that holds a seq."""
    return seq // BUCKET_SEQS


def project(event: Struct, position: int) -> list[Write]:
    """The writes of one record. Refusals and repeats leave none."""
    match event:
        case MessageSent():
            row = TimelineRow(
                event.conversation_id,
                bucket_of(event.seq),
                event.seq,
                event.message_number,
                event.sender_id,
                event.device_id,
                event.client_message_id,
                event.kind,
                event.body,
                event.reply_to_seq,
                event.sent_at,
                position,
            )
            if event.seq != 1 and event.seq % BUCKET_SEQS:
                return [row]
            return [row, BucketStarted(row.conversation_id, row.bucket, position)]
        case _:
            return []


def cells(write: Write) -> list[Cell]:
    """The cells of a write."""
    match write:
        case TimelineRow(conversation_id, bucket, seq):
            newest = ("newest_by_sender", conversation_id, bucket, write.sender_id)
            return [
                Cell(("timeline", conversation_id, bucket, seq), write[3:11], write.position),
                Cell(newest, seq, write.position),
            ]
        case BucketStarted(conversation_id, bucket, position):
            return [Cell(("newest_buckets", conversation_id), bucket, position)]
