"""Unread: counted one by one from the log, against what inboxes and devices show (ADR 0026)."""

from collections.abc import Iterator

from events.ids import members_of
from events.receipts import ReadMarkerMoved
from events.topics import RECEIPTS
from tests.simulation.checks.registry import check
from tests.simulation.checks.seen import Seen, decoded


@check("unread", "I7")
def unread(seen: Seen) -> Iterator[str]:
    """The messages of others above the highest read marker that the log holds, and no others."""
    read: dict[tuple[str, str], int] = {}
    for record in seen.world.parts.log.of(RECEIPTS.name):
        event = decoded(record)
        if isinstance(event, ReadMarkerMoved):
            key = (event.conversation_id, event.user_id)
            read[key] = max(event.seq, read.get(key, 0))
    counts: dict[str, dict[str, int]] = {}
    for fact in seen.sent:
        for member in members_of(fact.conversation_id):
            is_unread = member != fact.sender_id and fact.seq > read.get(
                (fact.conversation_id, member), 0
            )
            counts.setdefault(member, {}).setdefault(fact.conversation_id, 0)
            counts[member][fact.conversation_id] += is_unread
    for device in seen.world.devices:
        name = f"{device.user_id}/{device.device_id}"
        expected = counts.get(device.user_id, {})
        shown = {one: item.unread for one, item in device.inbox.items()}
        if shown != expected:
            yield f"the inbox of {name} shows {shown}, there is {expected}"
        if device.unread != expected:
            yield f"{name} counts {device.unread}, there is {expected}"
