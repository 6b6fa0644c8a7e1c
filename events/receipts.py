"""How far each member has a conversation, on `chat.receipts`: the second and third tick.

A marker is a watermark: everything up to its seq was delivered to, or read by, that member.
Gateways pass on what devices say with MarkersSubmitted. Moves are admitted by the conversation's
writer and only ever rise; a reader keeps the highest.
"""

from typing import ClassVar, Literal

from msgspec import Struct

from events.ids import ConversationId, DeviceId, Milliseconds, Offset, Seq, UserId

MarkerKind = Literal["delivered", "read"]
MARKER_KINDS: tuple[MarkerKind, ...] = ("delivered", "read")


class Marker(Struct, frozen=True, kw_only=True):
    """How far one device of a user says a conversation was delivered or read."""

    conversation_id: ConversationId
    user_id: UserId
    device_id: DeviceId
    kind: MarkerKind
    seq: Seq


class MarkersSubmitted(Struct, frozen=True, kw_only=True):
    """A gateway passed on the newest markers of its devices for conversations of one partition."""

    markers: tuple[Marker, ...]


class DeliveredMarkerMoved(Struct, frozen=True, kw_only=True):
    """Everything up to seq has reached a device of this member."""

    kind: ClassVar[MarkerKind] = "delivered"
    conversation_id: ConversationId
    user_id: UserId
    device_id: DeviceId
    seq: Seq
    moved_at: Milliseconds
    epoch: Offset


class ReadMarkerMoved(Struct, frozen=True, kw_only=True):
    """Everything up to seq was read by this member."""

    kind: ClassVar[MarkerKind] = "read"
    conversation_id: ConversationId
    user_id: UserId
    device_id: DeviceId
    seq: Seq
    moved_at: Milliseconds
    epoch: Offset


Move = DeliveredMarkerMoved | ReadMarkerMoved

SUBMISSION_TYPES = (MarkersSubmitted,)
MOVE_TYPES = (DeliveredMarkerMoved, ReadMarkerMoved)
