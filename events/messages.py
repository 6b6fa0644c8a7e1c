"""Messages: what is said in a conversation.

A device asks for one with MessageSubmitted, and the conversation's writer makes it its next fact,
MessageSent (or refuses it: `events.conversations`).
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


class MessageSubmitted(Struct, frozen=True, kw_only=True):
    """A device asked to send a message to a conversation."""

    conversation_id: ConversationId
    sender_id: UserId
    device_id: DeviceId
    client_message_id: ClientMessageId
    kind: Annotated[str, Meta(min_length=1, max_length=32)]
    body: str
    reply_to_seq: Seq | None = None
    after: ClientMessageId | None = None
    first_sent_at: Milliseconds | None = None
    submitted_at: Milliseconds | None = None


class MessageSent(Struct, frozen=True, kw_only=True):
    """A message was accepted as the next fact of its conversation."""

    conversation_id: ConversationId
    seq: Seq
    message_number: Seq
    sender_id: UserId
    device_id: DeviceId
    client_message_id: ClientMessageId
    kind: str
    body: str
    reply_to_seq: Seq | None = None
    sent_at: Milliseconds
    epoch: Offset
    submission_offset: Offset


SUBMISSION_TYPES = (MessageSubmitted,)
FACT_TYPES = (MessageSent,)
