"""Writes who has read what, and since when, to Cassandra: the shell of `projections.receipts`.

Takes the moves of `chat.receipts`; puts one row a move, with the position of its record as write
time, so a batch may be repeated (I9). Nobody waits for it: live ticks
come from fan-out.
"""

from collections.abc import Sequence

from events.topics import RECEIPTS
from processors.app import WorkerApp
from processors.context import Context
from processors.received import Received
from projections.positions import write_time
from projections.receipts.projection import project
from projections.receipts.store import ReceiptStore

PATIENCE_MILLISECONDS = 800


def attach(app: WorkerApp, context: Context) -> None:
    """Attach the agent of the consumer group `receipts`."""
    store = ReceiptStore(context.database)
    generation = context.settings.kafka.log_generation

    @app.batches("receipts", topics=(RECEIPTS,), patience_milliseconds=PATIENCE_MILLISECONDS)
    async def project_receipts(batch: Sequence[Received]) -> None:
        await store.apply(
            write
            for received in batch
            for write in project(received.event, write_time(generation, received.offset))
        )
