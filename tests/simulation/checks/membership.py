"""Who may speak, and who is told."""

from collections.abc import Iterator

from events.members import members_of
from events.topics import QUERIES
from tests.simulation.checks.registry import check
from tests.simulation.checks.seen import Seen


@check("membership", "I2")
def membership(seen: Seen) -> Iterator[str]:
    """Only members speak in a conversation, and only their devices are told of it."""
    for fact in seen.sent:
        if fact.sender_id not in members_of(fact.conversation_id):
            yield f"{fact.sender_id} spoke in {fact.conversation_id}"
    if any(place[0] == QUERIES.name for place, _ in seen.world.hostile):
        return  # who may write there may ask in anybody's name
    for device in seen.world.devices:
        for conversation_id in device.strangers:
            yield f"{device.user_id} was told of {conversation_id}"
