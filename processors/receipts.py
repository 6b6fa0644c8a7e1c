"""Writes who has read what, and since when, to Cassandra: the shell of `projections.receipts`.

Takes the moves of `chat.receipts`; puts one row a move, with the position of its record as write
time, so a batch may be repeated (I9). After a small batch it rests, as `processors.history` does.
"""

import asyncio
from collections.abc import Sequence

from events.topics import RECEIPTS
from processors.app import WorkerApp
from processors.context import Context
from processors.history import REST_SECONDS, SMALL_BATCH
from processors.received import Received
from projections.positions import write_time
from projections.receipts.projection import project
from projections.receipts.store import ReceiptStore


def attach(app: WorkerApp, context: Context) -> None:
    """Attach the agent of the consumer group `receipts`."""
    store = ReceiptStore(context.database)
    generation = context.settings.kafka.log_generation

    @app.batches("receipts", topics=(RECEIPTS,))
    async def project_receipts(batch: Sequence[Received]) -> None:
        await store.apply(
            write
            for received in batch
            for write in project(received.event, write_time(generation, received.offset))
        )
        if len(batch) < SMALL_BATCH:
            await asyncio.sleep(REST_SECONDS)
