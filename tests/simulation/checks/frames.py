"""What gateways told devices is what the log says: to nobody else, and nothing else."""

from collections.abc import Iterator
from typing import Any

from client import frames
from events.conversations import SubmissionRejected
from events.deliveries import FramesRouted
from events.members import members_of
from events.messages import MessageSent
from events.receipts import ReadMarkerMoved
from events.topics import QUERIES, RECEIPTS, delivery_topic
from tests.simulation.checks.registry import check
from tests.simulation.checks.seen import LOGS_CHANGE, Seen, decoded

_OWNERS_CHANGE = {
    "handlers_raise",
    "partitions_move",
    "two_claim_at_once",
    "worker_added",
    "worker_becomes_a_zombie",
    "worker_killed",
    *LOGS_CHANGE,  # every worker is started again
}


@check("truth", "I4")
def truth(seen: Seen) -> Iterator[str]:
    """Every frame of a message, a receipt or a refusal tells of a record that counts."""
    facts = {(fact.conversation_id, fact.seq): _told(fact) for fact in seen.sent}
    newest = {fact.conversation_id: fact.seq for fact in seen.sent}
    refused = {
        (fact.client_message_id, fact.code)
        for _, fact in seen.facts
        if isinstance(fact, SubmissionRejected)
    }
    moved = _moves(seen)
    for name, frame in _said(seen):
        match frame:
            case frames.Event():
                if _shown(frame) != facts.get((frame.conversation_id, frame.seq)):
                    yield f"{name} was told {frame}"
            case frames.Page():
                seqs = [event.seq for event in frame.events]
                if seqs and seqs != list(range(seqs[0], seqs[0] + len(seqs))):
                    yield f"{name} was given a page with holes: {seqs}"
                for event in frame.events:
                    if _shown(event) != facts.get((event.conversation_id, event.seq)):
                        yield f"{name} was told {event} on a page"
            case frames.Accepted():
                fact = facts.get((frame.conversation_id, frame.seq))
                if fact is None or (fact[2], fact[-1]) != (frame.id, frame.sent_at):
                    yield f"{name} was told {frame}, there is {fact}"
            case frames.Rejected():
                if (frame.id, frame.code) not in refused:
                    yield f"{name} was told {frame}"
            case frames.Receipt():
                key = (frame.conversation_id, frame.user_id, frame.kind)
                if frame.seq not in moved.get(key, ()):
                    yield f"{name} was told {frame}"
            case frames.Heads():
                for conversation_id, seq in frame.heads.items():
                    if seq > newest.get(conversation_id, 0):
                        yield f"{name} was told that {conversation_id} is at {seq}"


@check("sequence", "I4")
def sequence(seen: Seen) -> Iterator[str]:
    """Live messages of a conversation come to a session in the order of the log.

    A batch that is handled again may repeat some. Where partitions go from worker to worker an old
    owner may still say what the new one has said already.
    """
    if not _OWNERS_CHANGE.isdisjoint(seen.world.faults):
        return
    for _, wire in seen.world.parts.sockets:
        told: dict[str, list[int]] = {}
        for frame in map(frames.decode, wire.said):
            if isinstance(frame, frames.Event):
                seqs = told.setdefault(frame.conversation_id, [])
                if seqs and frame.seq < seqs[-1] and frame.seq not in seqs:
                    yield f"{frame.seq} of {frame.conversation_id} was told after {seqs}"
                seqs.append(frame.seq)


@check("secrecy", "I2")
def secrecy(seen: Seen) -> Iterator[str]:
    """Nobody is told of conversations of others, in any frame."""
    if any(place[0] == QUERIES.name for place, _ in seen.world.hostile):
        return  # who may write there may ask in anybody's name
    for socket, wire in seen.world.parts.sockets:
        if socket.principal is None:
            continue
        for frame in map(frames.decode, wire.said):
            for conversation_id in _named(frame):
                if socket.principal.user_id not in members_of(conversation_id):
                    yield f"{socket.principal.user_id} was told of {conversation_id}: {frame}"


_ANSWERS = (frames.Page, frames.Inbox, frames.Heads, frames.Error)


@check("deliveries", "I6")
def deliveries(seen: Seen) -> Iterator[str]:
    """A socket that is open was written every frame that was routed to its session, in order."""
    log = seen.world.parts.log
    routed: dict[tuple[str, str, int], list[bytes]] = {}
    for gateway in seen.world.gateways:
        for record in log.of(delivery_topic(gateway.id)):
            event = decoded(record)
            if isinstance(event, FramesRouted):
                for one in event.frames:
                    for session_id in one.session_ids:
                        key = (event.gateway_id, event.gateway_epoch, session_id)
                        routed.setdefault(key, []).append(one.frame)
    # Who may write there may ask in the name of a session that opens only later.
    any_may_ask = any(place[0] == QUERIES.name for place, _ in seen.world.hostile)
    for socket, wire in seen.world.parts.sockets:
        if wire.closed is not None or socket.ended.done() or socket._closing:
            continue
        hub = socket._hub
        said = iter(wire.said)
        for frame in routed.get((hub.gateway_id, hub.gateway_epoch, socket.session_id), ()):
            if any_may_ask and isinstance(frames.decode(frame), _ANSWERS):
                continue
            if not any(one == frame for one in said):
                yield f"{hub.gateway_id} did not write {frame!r} in its turn"
                break


def _said(seen: Seen) -> Iterator[tuple[str, Any]]:
    for socket, wire in seen.world.parts.sockets:
        name = "nobody" if socket.principal is None else socket.principal.user_id
        for data in wire.said:
            yield name, frames.decode(data)


def _named(frame: Any) -> Iterator[str]:
    match frame:
        case frames.Heads():
            yield from frame.heads
        case frames.Inbox():
            yield from (item.conversation_id for item in frame.conversations)
        case frames.Page():
            yield from (event.conversation_id for event in frame.events)
            yield frame.conversation_id
        case frames.Event() | frames.Accepted() | frames.Receipt():
            yield frame.conversation_id


def _moves(seen: Seen) -> dict[tuple[str, str, str], set[int]]:
    moved: dict[tuple[str, str, str], set[int]] = {}
    for record in seen.world.parts.log.of(RECEIPTS.name):
        move: Any = decoded(record)
        kind = "read" if isinstance(move, ReadMarkerMoved) else "delivered"
        moved.setdefault((move.conversation_id, move.user_id, kind), set()).add(move.seq)
    return moved


def _told(fact: MessageSent) -> tuple[Any, ...]:
    return (
        *(fact.sender_id, fact.device_id, fact.client_message_id),
        *(fact.kind, fact.body, fact.reply_to_seq, fact.message_number, fact.sent_at),
    )


def _shown(event: frames.Event) -> tuple[Any, ...]:
    return (
        *(event.sender_id, event.device_id, event.id),
        *(event.kind, event.body, event.reply_to, event.number, event.sent_at),
    )
