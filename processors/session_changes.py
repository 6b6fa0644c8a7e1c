"""What the records of gateways and devices change, and the frames that new devices get. Pure.

In: a batch of `chat.gateways` and `chat.sessions`; what is held; heads. Out: changes for the store,
the sessions that are replaced, frames for gateways.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from events.deliveries import RoutedFrame
from events.frames import heads as heads_frame
from events.gateways import GatewayAlive, GatewayStarted
from events.sessions import SessionClosed, SessionOpened
from processors.fanout.routing import Gateway
from processors.received import Poison, Received
from projections.positions import write_time
from projections.sessions.keys import SEPARATOR, Held, Session
from projections.sessions.store import Change, Device, DeviceClosed, DeviceOpened, GatewayHeard

HEADS_A_FRAME = 500


class UserHeads(NamedTuple):
    """The heads of a user's conversations; not `whole` when some may be missing or too low."""

    heads: Mapping[str, int]
    whole: bool = True


def changes_of(batch: Sequence[Received], generation: int) -> list[Change]:
    """What a batch says of gateways, then of devices, each in the order of the log."""
    gateways: list[Change] = []
    devices: list[Change] = []
    for received in batch:
        match received.event:
            case GatewayStarted(gateway_id=gateway_id, gateway_epoch=epoch):
                gateways.append(GatewayHeard(gateway_id, epoch, received.offset, True))
            case GatewayAlive(gateway_id=gateway_id, gateway_epoch=epoch):
                gateways.append(GatewayHeard(gateway_id, epoch, received.offset, False))
            case SessionOpened() as event:
                names = (event.user_id, event.device_id, event.gateway_id, event.gateway_epoch)
                if any(SEPARATOR in name for name in names):
                    raise Poison(received, "bad_name", f"a name holds {SEPARATOR}")
                position = write_time(generation, received.offset)
                devices.append(DeviceOpened(event.user_id, _session(event), position))
            case SessionClosed() as event:
                devices.append(DeviceClosed(event.user_id, _session(event)))
    return gateways + devices


def replaced_by(changes: Sequence[Change], held: Mapping[Device, Held]) -> list[Session]:
    """The sessions whose place newer ones take, given what is held before. Pure."""
    held = dict(held)
    replaced = []
    for change in changes:
        if isinstance(change, GatewayHeard):
            continue
        device = (change.user_id, change.session.device_id)
        before = held.get(device)
        if isinstance(change, DeviceClosed):
            if before is not None and before.session == change.session:
                del held[device]
        elif before is None or before.position <= change.position:
            if before is not None and before.session != change.session:
                replaced.append(before.session)
            held[device] = Held(change.session, change.position)
    return replaced


def route_heads(
    devices: Mapping[Device, Session], heads: Mapping[str, UserHeads]
) -> dict[Gateway, list[RoutedFrame]]:
    """The `heads` frames of each device; devices of one user on one gateway share them. Pure."""
    together: dict[tuple[Gateway, str], list[int]] = {}
    for (user, _), session in devices.items():
        gateway = (session.gateway_id, session.gateway_epoch)
        together.setdefault((gateway, user), []).append(session.session_id)
    routed: dict[Gateway, list[RoutedFrame]] = {}
    for (gateway, user), session_ids in together.items():
        for frame in heads_frames(heads[user]):
            routed.setdefault(gateway, []).append(
                RoutedFrame(session_ids=tuple(session_ids), frame=frame)
            )
    return routed


def heads_frames(answer: UserHeads) -> list[bytes]:
    """An answer in frames of bounded size; one that is not whole says that more will follow."""
    items = sorted(answer.heads.items())
    starts = range(0, len(items), HEADS_A_FRAME) or range(1)
    return [
        heads_frame(
            dict(items[start : start + HEADS_A_FRAME]),
            more=not answer.whole or start + HEADS_A_FRAME < len(items),
        )
        for start in starts
    ]


def _session(event: SessionOpened | SessionClosed) -> Session:
    return Session(event.device_id, event.gateway_id, event.gateway_epoch, event.session_id)
