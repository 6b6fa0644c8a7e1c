"""The life of each gateway, on `chat.gateways`, keyed by gateway and compacted.

The epoch is fresh at every start. A gateway that is not heard of for 15 seconds is dead, and so
are all sessions of its epoch.
"""

from msgspec import Struct

from events.ids import GatewayEpoch, GatewayId
from events.snapshots import Count


class GatewayStarted(Struct, frozen=True, kw_only=True):
    """A gateway reads its delivery topic from here on and is about to accept sockets."""

    gateway_id: GatewayId
    gateway_epoch: GatewayEpoch


class GatewayAlive(Struct, frozen=True, kw_only=True):
    """A gateway is still there, with this many sessions."""

    gateway_id: GatewayId
    gateway_epoch: GatewayEpoch
    sessions: Count


class GatewayDraining(Struct, frozen=True, kw_only=True):
    """A gateway takes no new sockets and sends its clients elsewhere."""

    gateway_id: GatewayId
    gateway_epoch: GatewayEpoch
