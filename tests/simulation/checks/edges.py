"""What gateways hold, and how they close."""

import json
from collections.abc import Iterator

from events.deliveries import AnnouncementRequested, SessionReplaced
from events.frames import CloseCode
from events.topics import GATEWAYS, SESSIONS, delivery_topic
from tests.simulation.checks.registry import check
from tests.simulation.checks.seen import LOGS_CHANGE, Seen, decoded
from tests.simulation.device import Link

_MOMENT_SECONDS = 0.01

_CLOSES = (
    0,
    CloseCode.TOO_SLOW,
    CloseCode.TOKEN_EXPIRED,
    CloseCode.NOT_AUTHENTICATED,
    CloseCode.TRY_LATER,
)
"""How a gateway may close the socket of a device that does no harm."""


@check("bounds", "I11")
def bounds(seen: Seen) -> Iterator[str]:
    """No queue was longer than it may be (the world notes how long they were)."""
    for name, (longest, bound) in seen.world.longest.items():
        if longest > bound:
            yield f"{longest} in {name}, at most {bound} are allowed"


@check("backlog", "I11")
def backlog(seen: Seen) -> Iterator[str]:
    """Nothing counts as on its way when nothing is."""
    for gateway in seen.world.gateways:
        on_its_way = sum(one.unconfirmed for one in gateway.voice._backlog._partitions)
        if gateway.process.alive and on_its_way:
            yield f"{gateway.id} waits for {on_its_way} submissions"


@check("closes", "I11")
def closes(seen: Seen) -> Iterator[str]:
    """A gateway closes with a code that tells the device what to do."""
    for device in seen.world.devices:
        for link in device.links:
            is_early = link.wire.closed_at < link.until - _MOMENT_SECONDS
            if link.wire.closed == CloseCode.TOKEN_EXPIRED and is_early:
                yield f"{device.user_id}/{device.device_id} was sent away with a token"
        for code in device.closes:
            if code not in _CLOSES:
                yield f"{device.user_id}/{device.device_id} was closed with {code}"


@check("answers", "I1")
def answers(seen: Seen) -> Iterator[str]:
    """Each time a welcomed device sends a message, the session in which it does is answered."""
    if any(place[0] in (GATEWAYS.name, SESSIONS.name) for place, _ in seen.world.hostile):
        return  # who may write there may end anybody's session
    if not LOGS_CHANGE.isdisjoint(seen.world.faults):
        return  # what the log lost is not answered where it was said, but where it is said again
    for device in seen.world.devices:
        if device.link is not None and _was_always_registered(seen, device.link):
            for message_id, count in device.link.unanswered.items():
                if message_id and count > 0:
                    yield f"{device.user_id}/{device.device_id} waits {count} times: {message_id}"


def _was_always_registered(seen: Seen, link: Link) -> bool:
    """Whether the registry had the session all the time from its welcome on.

    Where it lost its gateway or gave its place to another, it said so, and answers may be missing.
    """
    session_id, epoch = link.socket.session_id, link.gateway.epoch
    announcements = 0
    for record in seen.world.parts.log.of(delivery_topic(link.gateway.id)):
        match decoded(record):
            case AnnouncementRequested(gateway_epoch=name) if name == epoch:
                announcements += 1
            case SessionReplaced(gateway_epoch=name, session_id=number):
                if (name, number) == (epoch, session_id):
                    return False
    return announcements <= 1


@check("welcomes", "I12")
def welcomes(seen: Seen) -> Iterator[str]:
    """Nothing is said on a socket before its welcome, but the error that ends it."""
    for _, wire in seen.world.parts.sockets:
        first = json.loads(wire.said[0])["type"] if wire.said else "welcome"
        if first != "welcome" and not (first == "error" and wire.closed is not None):
            yield f"the first frame of a socket is {first}"
