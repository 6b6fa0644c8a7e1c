"""What the records of gateways and devices change, and the frames that new devices get. Pure.

In: a batch of `chat.gateways` and `chat.sessions`; what is held; heads. Out: changes for the store,
the sessions that are replaced, frames for gateways.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from events.deliveries import RoutedFrame
from events.frames import heads as heads_frame
from events.gateways import GatewayAlive, GatewayStarted
from events.sessions import SessionClosed, SessionOpened
from processors.fanout.routing import Gateway
from processors.received import Poison, Received
from projections.pieces import in_pieces
from projections.positions import write_time
from projections.sessions.keys import SEPARATOR, Held, Session
from projections.sessions.store import Change, Device, DeviceClosed, DeviceOpened, GatewayHeard

HEADS_A_FRAME = 200


class UserHeads(NamedTuple):
    """Heads of a user's conversations, the newest change first.

    Not `whole` when some may be missing or too low. Otherwise either a cursor from which they go
    on, or, where they end, a token.
    """

    heads: Mapping[str, int]
    whole: bool = True
    next_cursor: str | None = None
    token: str | None = None


def told(answer: UserHeads, request_id: str | None = None) -> bytes:
    """The frame of an answer; it says whether there is more, and how to get at it."""
    return heads_frame(
        answer.heads,
        more=not answer.whole or answer.next_cursor is not None,
        next_cursor=answer.next_cursor,
        token=answer.token,
        request_id=request_id,
    )


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
                devices.append(DeviceOpened(event.user_id, _session(event), position, event.since))
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


def some_at_a_time(
    devices: Mapping[Device, Session], asked: Mapping[Device, Hashable], asks_at_once: int
) -> Iterator[dict[Device, Session]]:
    """The same devices, so many asks at a time; those that ask the same stay together. Pure."""
    together: dict[Hashable, list[Device]] = {}
    for device in devices:
        together.setdefault(asked[device], []).append(device)
    for some in in_pieces(list(together.values()), asks_at_once):
        yield {device: devices[device] for asking in some for device in asking}


def route_heads(
    devices: Mapping[Device, Session],
    asked: Mapping[Device, Hashable],
    answers: Mapping[Any, UserHeads],
) -> dict[Gateway, list[RoutedFrame]]:
    """The `heads` frame of each device; devices on one gateway that ask the same share it. Pure."""
    together: dict[tuple[Gateway, Hashable], list[int]] = {}
    for device, session in devices.items():
        gateway = (session.gateway_id, session.gateway_epoch)
        together.setdefault((gateway, asked[device]), []).append(session.session_id)
    routed: dict[Gateway, list[RoutedFrame]] = {}
    for (gateway, ask), session_ids in together.items():
        frame = RoutedFrame(session_ids=tuple(session_ids), frame=told(answers[ask]))
        routed.setdefault(gateway, []).append(frame)
    return routed


def _session(event: SessionOpened | SessionClosed) -> Session:
    return Session(event.device_id, event.gateway_id, event.gateway_epoch, event.session_id)
