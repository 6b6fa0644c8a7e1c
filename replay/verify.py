"""Folds the log from its start and compares the outcome with what is live (I9).

In: the name of a read model, perhaps one conversation. Out: a Difference. Reads the log up to where
it ends at the start, waits for a bounded time until the live worker has come that far, and compares
partition by partition, so memory holds one of them. Writes nothing.
"""

import asyncio
from dataclasses import dataclass

from events.codec import DecodeError
from events.fence import Fence
from events.topics import PARTITIONS, partition_of
from infra import cassandra
from infra.database import Database
from infra.errors import UserError
from infra.ids_file import codec_at_start
from infra.log_reader import LogReader, Place
from infra.progress import LogProgress
from infra.reading import Reading
from infra.schema_ids import SchemaIds
from infra.settings import CassandraSettings, KafkaSettings, RegistrySettings, SchemaSettings
from projections.cells import Cell, Key, fold
from projections.positions import write_time
from replay.compare import Difference, compare
from replay.models import MODELS, Model


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the log and the read models are."""

    kafka: KafkaSettings
    schemas: SchemaSettings
    registry: RegistrySettings
    cassandra: CassandraSettings


async def verify(
    name: str,
    settings: Settings,
    *,
    conversation_id: str | None = None,
    wait_seconds: float = 30.0,
) -> Difference:
    """Compare a read model with the log, whole or one conversation of it.

    Raises UserError when the model is unknown, its worker does not come to the log's end, or the
    log holds events of a newer release.
    """
    if name not in MODELS:
        raise UserError(
            "no_read_model", f"There is no read model {name!r}.", f"There are {', '.join(MODELS)}."
        )
    session = await asyncio.to_thread(cassandra.connect, settings.cassandra)
    try:
        model: Model = MODELS[name](Database(lambda: session))
        return await _verify(model, settings, conversation_id, wait_seconds)
    finally:
        await asyncio.to_thread(session.cluster.shutdown)


async def _verify(
    model: Model, settings: Settings, conversation_id: str | None, wait_seconds: float
) -> Difference:
    partitions = (
        list(range(PARTITIONS)) if conversation_id is None else [partition_of(conversation_id)]
    )
    codec = codec_at_start(settings.schemas.ids)
    reading = Reading(codec, SchemaIds(codec, settings.registry).look_up)
    found = Difference()
    with LogReader(settings.kafka) as reader:
        places = [(model.topic.name, one) for one in partitions]
        ends = await asyncio.to_thread(reader.ends, places)
        await _wait(model, settings, partitions, wait_seconds)
        if conversation_id is None:
            await model.survey()
        for place, stretch in ends.items():
            folding = _Folding(model, reading, settings.kafka.log_generation, conversation_id)
            await asyncio.to_thread(folding.fold, reader, place, stretch)
            if conversation_id is None:
                live = await model.live(place[1], folding.held)
            else:
                live = await model.live_of(conversation_id, folding.held)
            end_position = write_time(settings.kafka.log_generation, max(stretch[1], 1) - 1)
            difference = compare(folding.held, live, end_position)
            difference.records = folding.records
            difference.undecodable = folding.undecodable
            found.add(difference)
    return found


async def _wait(
    model: Model, settings: Settings, partitions: list[int], wait_seconds: float
) -> None:
    progress = LogProgress(settings.kafka, model.topic.name)
    if not await progress.wait(model.group, partitions, wait_seconds):
        raise UserError(
            "worker_behind",
            f"The {model.group} worker did not come to the log's end in {wait_seconds:.0f} s.",
            "See whether it runs (`chatlog status`), and try again.",
        )


class _Folding:
    """One partition, folded in memory."""

    def __init__(
        self, model: Model, reading: Reading, generation: int, conversation_id: str | None
    ) -> None:
        self.held: dict[Key, Cell] = {}
        self.records = 0
        self.undecodable = 0
        self._model = model
        self._reading = reading
        self._generation = generation
        self._conversation_id = conversation_id
        self._fence = Fence() if model.fenced else None

    def fold(self, reader: LogReader, place: Place, stretch: tuple[int, int]) -> None:
        """Take the records of the partition, in order, from its start."""
        for record in reader.read({place: stretch}):
            self.records += 1
            try:
                event = self._reading.event(record)
            except DecodeError:
                self.undecodable += 1
                continue
            offset = record.offset() or 0
            if self._fence is not None and not self._fence.admits(event, offset):
                continue
            if self._conversation_id not in (None, getattr(event, "conversation_id", None)):
                continue
            fold(self.held, self._model.cells(event, write_time(self._generation, offset)))
