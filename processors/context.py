"""What every role of a worker process shares: settings, codec, publisher, connections, metrics.

Connections are opened on first use, so a process opens only what its roles need, and closed
together.
"""

import asyncio
import os
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import structlog
from cassandra.cluster import Session

from events.codec import Codec
from events.topics import CONVERSATIONS
from infra import cassandra
from infra.database import Database
from infra.errors import UserError
from infra.exits import Exit
from infra.log_reader import LogReader
from infra.producer import Publisher
from infra.progress import LogProgress
from infra.redis import RedisPipe
from infra.schema_ids import SchemaIds
from infra.settings import (
    CassandraSettings,
    KafkaSettings,
    RedisSettings,
    RegistrySettings,
    SchemaSettings,
    WorkerSettings,
)
from infra.telemetry import Telemetry
from infra.ticker import Ticker

_REDIS_SECONDS = 5.0
_LEAVE_SECONDS = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a worker process is told."""

    kafka: KafkaSettings
    schemas: SchemaSettings
    registry: RegistrySettings
    cassandra: CassandraSettings
    redis: RedisSettings
    worker: WorkerSettings


def end_process(reason: str, status: Exit) -> None:
    """End at once, acknowledging nothing: the next owner of the partitions gets the batch again."""
    log.critical("process ends", reason=reason)
    os._exit(status)


class Context:
    """The shared parts of one worker process; made on its event loop.

    `end` is called with the reason and the exit status when the process cannot go on.
    """

    def __init__(
        self,
        settings: Settings,
        codec: Codec,
        telemetry: Telemetry,
        end: Callable[[str, Exit], None] = end_process,
    ) -> None:
        self._end = end
        self.leaving: list[Callable[[], None]] = []
        """How to leave each consumer group, from any thread."""
        self.settings = settings
        self.codec = codec
        self.telemetry = telemetry
        self.loop = asyncio.get_running_loop()
        self.wall_time: Callable[[], float] = time.time
        """Seconds since 1970-01-01 UTC; for shells only."""
        self.new_word: Callable[[], str] = lambda: uuid.uuid4().hex[:16]
        """A word that was never given before; for shells only."""
        self.ticker = Ticker(self.loop)
        self.worker_id = f"worker-{uuid.uuid4().hex[:12]}"
        self.publisher: Publisher
        self.background: set[asyncio.Task[None]] = set()
        """What goes on beside the batches; ended when the process stops."""

    def end_process(self, reason: str, status: Exit = Exit.INTERNAL) -> None:
        """The process cannot go on: it leaves its groups, in bounded time, and ends.

        Others get its partitions now, and not when its sessions have ended.
        """
        log.error("process is about to end", reason=reason)
        threads = [threading.Thread(target=leave, daemon=True) for leave in self.leaving]
        for thread in threads:
            thread.start()
        give_up_at = time.monotonic() + _LEAVE_SECONDS
        for thread in threads:
            thread.join(max(0.0, give_up_at - time.monotonic()))
        self._end(reason, status)

    @cached_property
    def cassandra(self) -> Session:
        """The Cassandra session, connected on first use; for a thread.

        The process ends when the tables are not those that it works with.
        """
        try:
            return cassandra.connect_to_known(self.settings.cassandra)
        except UserError as error:
            if error.exit_status == Exit.SETTINGS:
                self.end_process(str(error), Exit.SETTINGS)
            raise

    @cached_property
    def database(self) -> Database:
        """Cassandra for the stores; connects on a thread when it is first needed."""
        return Database(lambda: self.cassandra)

    @cached_property
    def redis_pipe(self) -> RedisPipe:
        """One pipelined Redis connection for the stores; opens on first command."""
        return RedisPipe(self.settings.redis, timeout_seconds=_REDIS_SECONDS)

    @cached_property
    def progress(self) -> LogProgress:
        """How far the fact log goes, and how far groups have come."""
        return LogProgress(self.settings.kafka, CONVERSATIONS.name)

    def look_up(self, schema_id: int) -> bool:
        """Let the codec learn of a schema id, if it is one of ours; for a thread."""
        return SchemaIds(self.codec, self.settings.registry).look_up(schema_id)

    def log_reader(self) -> LogReader:
        """A reader of stretches of the log; for a thread."""
        return LogReader(self.settings.kafka)

    async def close(self) -> None:
        """End what still goes on, and close what was opened."""
        for task in self.background:
            task.cancel()
        await asyncio.gather(*self.background, return_exceptions=True)
        if "redis_pipe" in self.__dict__:
            await self.redis_pipe.close()
        if "cassandra" in self.__dict__:
            await asyncio.to_thread(self.cassandra.cluster.shutdown)
