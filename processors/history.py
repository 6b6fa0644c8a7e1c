"""Writes what was said to Cassandra: the shell of `projections.history` and `projections.inbox`.

Takes the facts of `chat.conversations` that count; puts rows, each with the position of its record
as write time, so a batch may be repeated and batches may overlap (I9). It lets the broker gather
records for a moment, since a row of a large batch costs a third.
"""

import asyncio
from collections.abc import Sequence

from events.members import members_of
from events.topics import CONVERSATIONS
from processors.app import WorkerApp
from processors.context import Context
from processors.received import Received
from projections.history import projection as history
from projections.history.store import TimelineStore
from projections.inbox import projection as inbox
from projections.inbox.store import InboxStore
from projections.positions import write_time

PATIENCE_MILLISECONDS = 400
"""Who fetches what was just said waits for so long."""


def attach(app: WorkerApp, context: Context) -> None:
    """Attach the agent of the consumer group `history`."""
    timeline, conversations = TimelineStore(context.database), InboxStore(context.database)
    generation = context.settings.kafka.log_generation

    @app.batches(
        "history",
        topics=(CONVERSATIONS,),
        fenced=True,
        patience_milliseconds=PATIENCE_MILLISECONDS,
    )
    async def project_history(batch: Sequence[Received]) -> None:
        rows: list[history.Write] = []
        joined: list[inbox.ConversationJoined] = []
        for received in batch:
            position = write_time(generation, received.offset)
            rows += history.project(received.event, position)
            joined += inbox.project(received.event, position, members_of)
        await asyncio.gather(timeline.apply(rows), conversations.apply(joined))
