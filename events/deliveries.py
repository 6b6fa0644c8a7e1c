"""What one gateway is to do, on its own topic `chat.deliveries.<gateway>`.

A delivery grants nothing: it carries frames that are already decided and already encoded. Each
names the gateway epoch it was routed to, and a gateway drops those of another epoch.
"""

from msgspec import Struct

from events.ids import GatewayEpoch, GatewayId, SessionId


class RoutedFrame(Struct, frozen=True, kw_only=True):
    """One encoded client frame and the sessions of this gateway that get it."""

    session_ids: tuple[SessionId, ...]
    frame: bytes


class AnsweredUpTo(Struct, frozen=True, kw_only=True):
    """A place in `chat.submissions` up to which a gateway's clients have been given their answers.

    A watermark: what gateways submitted there before it is decided, and the frames are on the way.
    """

    partition: int
    submission_offset: int


class FramesRouted(Struct, frozen=True, kw_only=True):
    """Frames were routed to sessions of this gateway, in the order in which they are to be sent."""

    gateway_id: GatewayId
    gateway_epoch: GatewayEpoch
    frames: tuple[RoutedFrame, ...]
    answered: tuple[AnsweredUpTo, ...] = ()


class SessionReplaced(Struct, frozen=True, kw_only=True):
    """A newer session of the same device exists; the gateway is to close this one."""

    gateway_id: GatewayId
    gateway_epoch: GatewayEpoch
    session_id: SessionId


class SessionsRegistered(Struct, frozen=True, kw_only=True):
    """These sessions stand in the session registry: what is said to them from now on reaches them.

    Before that an answer may be routed to nobody, so a gateway welcomes no client earlier.
    """

    gateway_id: GatewayId
    gateway_epoch: GatewayEpoch
    session_ids: tuple[SessionId, ...]


class AnnouncementRequested(Struct, frozen=True, kw_only=True):
    """The session registry lost this gateway; it is to announce its sessions again."""

    gateway_id: GatewayId
    gateway_epoch: GatewayEpoch
