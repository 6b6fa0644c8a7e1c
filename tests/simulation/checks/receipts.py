"""Receipts: watermarks and who moved them."""

from collections.abc import Iterator

from client.messages import Tick
from events.ids import members_of
from events.receipts import DeliveredMarkerMoved, ReadMarkerMoved
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
    moved: dict[tuple[str, str, str], int] = {}
    for record in seen.world.parts.log.of(RECEIPTS.name):
        event = decoded(record)
        assert isinstance(event, ReadMarkerMoved | DeliveredMarkerMoved)
        kind = "read" if isinstance(event, ReadMarkerMoved) else "delivered"
        key = (event.conversation_id, event.user_id, kind)
        if event.user_id not in members_of(event.conversation_id):
            yield f"{event.user_id} moved a marker of {event.conversation_id}"
        if event.seq > newest.get(event.conversation_id, 0):
            yield f"{key} is at {event.seq}, behind the newest fact"
        moved[key] = max(event.seq, moved.get(key, 0))
    # A watermark that went with the end of a log is told again with the next message.
    is_lost = not LOGS_CHANGE.isdisjoint(seen.world.faults)
    for (conversation_id, member), seq in newest_of.items():
        reached = max(
            moved.get((conversation_id, member, kind), 0) for kind in ("delivered", "read")
        )
        if reached < seq and not is_lost:
            yield f"{member} has {seq} of {conversation_id}, the log says {reached}"
    for device in seen.world.devices:
        for conversation in device.state.conversations.values():
            for user, (delivered, read) in conversation.markers.items():
                said = moved.get((conversation.id, user, "read"), 0)
                if read > said or delivered > newest.get(conversation.id, 0):
                    yield f"{device.user_id} was told that {user} read {read}"


@check("ticks", "I7")
def ticks(seen: Seen) -> Iterator[str]:
    """Each device shows its user's newest message as far as the moves in the log say."""
    newest: dict[tuple[str, str], int] = {}
    for fact in seen.sent:
        newest[fact.conversation_id, fact.sender_id] = fact.seq
    moved: dict[tuple[str, str, str], int] = {}
    for record in seen.world.parts.log.of(RECEIPTS.name):
        event = decoded(record)
        assert isinstance(event, ReadMarkerMoved | DeliveredMarkerMoved)
        kind = "read" if isinstance(event, ReadMarkerMoved) else "delivered"
        key = (event.conversation_id, event.user_id, kind)
        moved[key] = max(event.seq, moved.get(key, 0))
    for device in seen.world.devices:
        for (conversation_id, sender), seq in newest.items():
            others = [one for one in members_of(conversation_id) if one != sender]
            if sender != device.user_id or not others:
                continue
            read = min(moved.get((conversation_id, one, "read"), 0) for one in others)
            delivered = min(moved.get((conversation_id, one, "delivered"), 0) for one in others)
            tick = Tick.READ if read >= seq else Tick.SENT
            if tick is Tick.SENT and max(delivered, read) >= seq:
                tick = Tick.DELIVERED
            shown = device.state.tick(conversation_id, seq)
            if shown != tick:
                name = f"{device.user_id}/{device.device_id}"
                yield f"{name} shows {seq} of {conversation_id} as {shown}, it is {tick}"
