"""What clients ask for, as published by the edge on `chat.submissions`.

A submission says only what is true when it is published: someone submitted something. Admission
turns each into one decision record of the conversation (`events.conversations`); markers, which
are idempotent, become moves in `events.receipts`. The broker's append time is a submission's time.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from events.ids import ClientMessageId, ConversationId, DeviceId, Milliseconds, Seq, UserId


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


class Marker(Struct, frozen=True, kw_only=True):
    """How far one device of a user says a conversation was delivered or read."""

    conversation_id: ConversationId
    user_id: UserId
    device_id: DeviceId
    kind: Literal["delivered", "read"]
    seq: Seq


class MarkersSubmitted(Struct, frozen=True, kw_only=True):
    """A gateway passed on the newest markers of its devices for conversations of one partition."""

    markers: tuple[Marker, ...]
