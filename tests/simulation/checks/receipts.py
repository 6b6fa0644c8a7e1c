"""Receipts: watermarks and who moved them."""

from collections.abc import Iterator

from events.members import members_of
from events.receipts import Move
from events.topics import RECEIPTS
from tests.simulation.checks.registry import check
from tests.simulation.checks.seen import LOGS_CHANGE, Seen, decoded


@check("receipts", "I7")
def receipts(seen: Seen) -> Iterator[str]:
    """Markers only rise, never pass the newest fact, and say in the end what devices have."""
    newest: dict[str, int] = {}
    newest_of: dict[tuple[str, str], int] = {}
    for fact in seen.sent:
        newest[fact.conversation_id] = fact.seq
        for member in members_of(fact.conversation_id):
            if member != fact.sender_id:
                newest_of[fact.conversation_id, member] = fact.seq
    for record in seen.world.parts.log.of(RECEIPTS.name):
        event = decoded(record)
        assert isinstance(event, Move)
        if event.user_id not in members_of(event.conversation_id):
            yield f"{event.user_id} moved a marker of {event.conversation_id}"
        if event.seq > newest.get(event.conversation_id, 0):
            yield f"{event} is behind the newest fact"
    # A watermark that went with the end of a log is told again with the next message.
    is_lost = not LOGS_CHANGE.isdisjoint(seen.world.faults)
    for (conversation_id, member), seq in newest_of.items():
        reached = seen.reached(conversation_id, member)
        if reached < seq and not is_lost:
            yield f"{member} has {seq} of {conversation_id}, the log says {reached}"
    for device in seen.world.devices:
        for conversation in device.state.conversations.values():
            for user, (delivered, read) in conversation.markers.items():
                said = seen.moved.get((conversation.id, user, "read"), 0)
                if read > said or delivered > newest.get(conversation.id, 0):
                    yield f"{device.user_id} was told that {user} read {read}"


@check("watermarks", "I7")
def watermarks(seen: Seen) -> Iterator[str]:
    """Every watermark that a gateway took comes to the log while that gateway lives."""
    if seen.world.lost:
        return  # what went with the end of the log was there
    newest = {fact.conversation_id: fact.seq for fact in seen.sent}
    for one in seen.world.watermarks:
        is_true = one.user in members_of(one.conversation_id)
        is_true &= one.seq <= newest.get(one.conversation_id, 0)
        reached = seen.moved.get((one.conversation_id, one.user, "read"), 0)
        if one.kind == "delivered":
            reached = seen.reached(one.conversation_id, one.user)
        if one.gateway.alive and is_true and reached < one.seq:
            said = f"{one.user} {one.kind} {one.seq} of {one.conversation_id}"
            yield f"{said}, the log says {reached}"
