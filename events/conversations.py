"""What all decisions on `chat.conversations` have in common, whichever feature they belong to.

Every submission that asks for a fact gets exactly one of that fact (a type of `events.features`),
SubmissionRejected or SubmissionRepeated, in submission order, at its own partition number.
`submission_offset` makes the log its own exact resume point; `epoch` is the number of the
WriterClaimed record of the writer that decided, and a reader ignores records of every other epoch
than the one in force (`events.fence`, ADR 0002).
"""

from typing import Annotated

from msgspec import Meta, Struct

from events.ids import (
    ClientMessageId,
    ConversationId,
    DeviceId,
    Milliseconds,
    Offset,
    Seq,
    UserId,
)


class WriterClaimed(Struct, frozen=True, kw_only=True):
    """A process claimed to be the only writer of this partition, under the next epoch."""

    writer_id: Annotated[str, Meta(min_length=1, max_length=128)]
    epoch: Annotated[int, Meta(ge=-1)] = -1


class SubmissionsRestarted(Struct, frozen=True, kw_only=True):
    """The submissions that were decided are not those of the log any more; reading begins anew."""

    submissions_from: Offset
    detail: str
    epoch: Offset


class SubmissionRejected(Struct, frozen=True, kw_only=True):
    """A submission was refused, for a reason that the sender is told."""

    conversation_id: ConversationId
    sender_id: UserId
    device_id: DeviceId
    client_message_id: ClientMessageId
    code: str
    detail: str
    rejected_at: Milliseconds
    epoch: Offset
    submission_offset: Offset


class SubmissionRepeated(Struct, frozen=True, kw_only=True):
    """A submission repeated a message that was already sent; the first one stands."""

    conversation_id: ConversationId
    sender_id: UserId
    device_id: DeviceId
    client_message_id: ClientMessageId
    seq: Seq
    sent_at: Milliseconds
    epoch: Offset
    submission_offset: Offset
