"""Who is connected where, on `chat.sessions`, keyed by user.

A session is valid only while its gateway's epoch is alive, so a dead gateway's sessions all end at
once without an event for each (ADR 0005).
"""

from typing import Annotated

from msgspec import Meta, Struct

from events.ids import DeviceId, GatewayEpoch, GatewayId, SessionId, UserId

Since = Annotated[str, Meta(min_length=1, max_length=128)]


class SessionOpened(Struct, frozen=True, kw_only=True):
    """A device's socket was authenticated by a gateway, or announced again."""

    user_id: UserId
    device_id: DeviceId
    gateway_id: GatewayId
    gateway_epoch: GatewayEpoch
    session_id: SessionId
    since: Since | None = None


class SessionClosed(Struct, frozen=True, kw_only=True):
    """A device's socket ended; a later session of the same device is not touched."""

    user_id: UserId
    device_id: DeviceId
    gateway_id: GatewayId
    gateway_epoch: GatewayEpoch
    session_id: SessionId
