"""Questions that need a store, on `chat.queries`, keyed by user: the edge asks, a worker answers.

The answer is a frame on the asking gateway's delivery topic, under the same request id.
"""

from typing import Annotated

from msgspec import Meta, Struct

from events.ids import (
    ConversationId,
    DeviceId,
    GatewayEpoch,
    GatewayId,
    Offset,
    Seq,
    SessionId,
    UserId,
)

PAGE_MAX = 100
"""Facts in one page."""

INBOX_MAX = 50
"""Conversations in one inbox; with a cursor it goes on."""

WAITING_MAX = 50
"""Questions of one user that may wait for an answer at once."""

UNREAD_MAX = 1_000
"""Unread messages are counted so far: this number means that many, or more."""

Limit = Annotated[int, Meta(ge=1, le=PAGE_MAX)]
RequestId = Annotated[str, Meta(min_length=1, max_length=64)]
Cursor = Annotated[str, Meta(min_length=1, max_length=128)]


class HistoryRequested(Struct, frozen=True, kw_only=True):
    """A device asked for facts of a conversation after or before a seq.

    Exactly one of after_seq and before_seq is set. The answer waits, for a bounded time, until
    history holds up_to_seq.
    """

    request_id: RequestId
    user_id: UserId
    device_id: DeviceId
    gateway_id: GatewayId
    gateway_epoch: GatewayEpoch
    session_id: SessionId
    conversation_id: ConversationId
    after_seq: Offset | None = None
    before_seq: Seq | None = None
    up_to_seq: Seq | None = None
    limit: Limit


class InboxRequested(Struct, frozen=True, kw_only=True):
    """A device asked for its user's newest conversations, or those that follow a cursor."""

    request_id: RequestId
    user_id: UserId
    device_id: DeviceId
    gateway_id: GatewayId
    gateway_epoch: GatewayEpoch
    session_id: SessionId
    limit: Limit
    cursor: Cursor | None = None


class HeadsRequested(Struct, frozen=True, kw_only=True):
    """A device asked for the heads that follow those it was told."""

    request_id: RequestId
    user_id: UserId
    device_id: DeviceId
    gateway_id: GatewayId
    gateway_epoch: GatewayEpoch
    session_id: SessionId
    cursor: Cursor
