"""Unread and ticks: from the log alone, against what inboxes and devices show (ADR 0026)."""

from collections.abc import Iterator

from client.messages import Tick
from events.members import members_of
from tests.simulation.checks.registry import check
from tests.simulation.checks.seen import Seen


@check("unread", "I7")
def unread(seen: Seen) -> Iterator[str]:
    """The messages of others above the highest read marker that the log holds, and no others."""
    counts: dict[str, dict[str, int]] = {}
    for fact in seen.sent:
        for member in members_of(fact.conversation_id):
            read = seen.moved.get((fact.conversation_id, member, "read"), 0)
            is_unread = member != fact.sender_id and fact.seq > read
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


@check("ticks", "I7")
def ticks(seen: Seen) -> Iterator[str]:
    """Every device shows what the log says of its user's newest message in each conversation."""
    newest: dict[tuple[str, str], int] = {}
    for fact in seen.sent:
        newest[fact.conversation_id, fact.sender_id] = fact.seq
    for device in seen.world.devices:
        expected = {}
        for (conversation_id, sender), seq in newest.items():
            if sender != device.user_id:
                continue
            others = [one for one in members_of(conversation_id) if one != sender]
            read = (seen.moved.get((conversation_id, one, "read"), 0) for one in others)
            tick = Tick.READ if all(mark >= seq for mark in read) else Tick.DELIVERED
            if any(seen.reached(conversation_id, one) < seq for one in others):
                tick = Tick.SENT
            expected[conversation_id] = tick
        if device.ticks != expected:
            name = f"{device.user_id}/{device.device_id}"
            yield f"{name} shows {device.ticks}, the log says {expected}"
