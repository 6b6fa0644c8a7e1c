"""How far each member has a conversation, on `chat.receipts`: the second and third tick.

A marker is a watermark: everything up to its seq was delivered to, or read by, that member. Moves
are admitted by the conversation's writer and only ever rise; a reader keeps the highest.
"""

from msgspec import Struct

from events.conversations import Offset
from events.ids import ConversationId, DeviceId, Milliseconds, Seq, UserId


class DeliveredMarkerMoved(Struct, frozen=True, kw_only=True):
    """Everything up to seq has reached a device of this member."""

    conversation_id: ConversationId
    user_id: UserId
    device_id: DeviceId
    seq: Seq
    moved_at: Milliseconds
    epoch: Offset


class ReadMarkerMoved(Struct, frozen=True, kw_only=True):
    """Everything up to seq was read by this member."""

    conversation_id: ConversationId
    user_id: UserId
    device_id: DeviceId
    seq: Seq
    moved_at: Milliseconds
    epoch: Offset


Move = DeliveredMarkerMoved | ReadMarkerMoved
