"""What Redis holds when all is at rest: heads, markers and sessions that are there are right."""

from collections.abc import Iterator

from events.members import members_of
from events.topics import SESSIONS
from projections.heads import keys as heads
from projections.sessions import keys as sessions
from tests.simulation.checks.registry import check
from tests.simulation.checks.seen import Seen


@check("heads", "I6")
def held_heads(seen: Seen) -> Iterator[str]:
    """No score ever falls; what is held at the end is what the log says."""
    redis = seen.world.parts.redis
    yield from redis.fallen
    newest = {fact.conversation_id: fact.seq for fact in seen.sent}
    for conversation_id, seq in newest.items():
        head = redis.held(heads.standing(conversation_id)).get(heads.HEAD, seq)
        if head != seq:
            yield f"{conversation_id} is at {seq}, Redis says {head}"
        for member in members_of(conversation_id):
            known = redis.held(heads.recent(member))
            if heads.COMPLETE in known and conversation_id not in known:
                yield f"{conversation_id} is not among those of {member}, which are complete"


@check("markers", "I7")
def held_markers(seen: Seen) -> Iterator[str]:
    """What Redis holds of markers at the end is what the log says."""
    for marker, seq in seen.moved.items():
        held = seen.world.parts.redis.held(heads.standing(marker[0]))
        if held.get(heads.marker(*marker[1:]), seq) != seq:
            yield f"{marker} is at {seq}, Redis says {held}"


@check("sessions", "I12")
def held_sessions(seen: Seen) -> Iterator[str]:
    """Each device that is connected has its session, under its gateway's living epoch."""
    if any(place[0] != SESSIONS.name for place, _ in seen.world.hostile) or seen.world.hostile:
        return  # who may write there may take anybody's place
    redis = seen.world.parts.redis
    for device in seen.world.devices:
        link = device.link
        if link is None or not link.is_let_in:
            continue
        hub = link.socket._hub
        epoch = redis.held(sessions.gateway(hub.gateway_id))
        value = redis.held(sessions.sessions(device.user_id)).get(device.device_id)
        expected = [hub.gateway_id, hub.gateway_epoch, str(link.socket.session_id)]
        if epoch != hub.gateway_epoch or (value or "").split("|")[:3] != expected:
            name = f"{device.user_id}/{device.device_id}"
            yield f"{name} is connected as {expected}, Redis has {value} and {epoch}"
    alive = {one.id: one for one in seen.world.gateways if one.process.alive}
    for device in seen.world.devices:
        value = redis.held(sessions.sessions(device.user_id)).get(device.device_id)
        gateway_id, epoch, session_id = (value or "||0|").split("|")[:3]
        if gateway_id not in alive or redis.held(sessions.gateway(gateway_id)) != epoch:
            continue
        here = {socket.session_id for socket, _ in alive[gateway_id].sockets}
        if int(session_id) not in here:
            yield f"{device.user_id}/{device.device_id} has ended, Redis has {value}"
