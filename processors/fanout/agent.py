"""Reads facts and moves, finds who is connected where, publishes deliveries: the shell of fan-out.

Takes `chat.conversations` and `chat.receipts`; puts FramesRouted on `chat.deliveries.<gateway>`,
one record a gateway and batch. Heads, markers and what changed last for whom (direct conversations;
groups are to be merged when it is read) are recorded in Redis before sessions are read, in one
round trip and with nothing remembered in between: the sessions worker does it the other way
round, so one of the two always sees the other, and nothing falls between sync and live (D8).
"""

from collections.abc import Sequence
from typing import Any

from events.features import FACT_TYPES, MOVE_TYPES
from events.members import members_of
from events.topics import CONVERSATIONS, RECEIPTS
from processors.app import WorkerApp
from processors.context import Context
from processors.deliveries import confirmed, publish_frames
from processors.fanout.routing import answered, audience, route
from processors.received import Confirmation, Received
from projections.heads.keys import Marker
from projections.routing.store import RoutingStore

_FACTS, _MOVES = frozenset(FACT_TYPES), frozenset(MOVE_TYPES)


def attach(app: WorkerApp, context: Context) -> None:
    """Attach the agent of the consumer group `fanout`."""
    store = RoutingStore(context.redis_pipe)

    @app.batches("fanout", topics=(CONVERSATIONS, RECEIPTS), fenced=True)
    async def fan_out(batch: Sequence[Received]) -> Confirmation:
        heads: dict[str, int] = {}
        markers: dict[Marker, int] = {}
        changed: dict[str, None] = {}
        users: dict[str, None] = {}
        for received in batch:
            event: Any = received.event
            users.update(dict.fromkeys(audience(event, members_of)))
            if type(event) in _FACTS:
                heads[event.conversation_id] = event.seq
                changed.pop(event.conversation_id, None)
                changed[event.conversation_id] = None
            elif type(event) in _MOVES:
                markers[event.conversation_id, event.user_id, event.kind] = event.seq
        by_user = [(user, one) for one in changed for user in members_of(one)]
        sessions = await store.record_and_find(heads, markers, by_user, users.keys())
        routed = route((received.event for received in batch), sessions, members_of)
        places = answered((received.partition, received.event) for received in batch)
        return confirmed(context, "fanout", publish_frames(context, routed, places))
