"""A worker process: the real agents, guards and sources of some roles, on simulated parts."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from events.codec import Codec
from events.topics import CONVERSATIONS, Topic
from infra.reading import NewerRelease
from infra.settings import KafkaSettings
from processors.__main__ import attach
from processors.app import guard_of, source_of
from processors.context import Context
from processors.guard import Guard, Handler
from processors.partitions import Assignee
from processors.received import Confirmation, Received
from processors.source import Batch, Source
from tests.simulation.cassandra import SimulatedDatabase
from tests.simulation.groups import SimulatedConsumer
from tests.simulation.kafka import SimulatedProgress, SimulatedPublisher, SimulatedReader
from tests.simulation.machine import Process
from tests.simulation.parts import LOG_GENERATIONS, TELEMETRY, Looks, Parts
from tests.simulation.redis import SimulatedPipe
from tests.simulation.releases import REGISTERED, News, newer, older

FRONT = ("admission", "fanout", "sessions", "snapshots")
BACK = ("history", "receipts", "queries")
"""The roles of one process, and those of another."""

_KAFKA = [KafkaSettings(log_generation=generation) for generation in range(LOG_GENERATIONS)]


class Trouble(RuntimeError):
    """A fault of the program: its process ends, and nobody is surprised."""


class SimulatedContext(Context):
    """What the agents of one process share."""

    def __init__(
        self, parts: Parts, process: Process, codec: Codec, ended: Callable[[str], None]
    ) -> None:
        settings: Any = SimpleNamespace(kafka=_KAFKA[parts.log_generation])
        super().__init__(settings, codec, TELEMETRY, lambda reason, status: ended(reason))
        machine = parts.machine
        self._parts = parts
        self.worker_id = process.name
        self.wall_time = parts.wall_time
        self.new_word = parts.new_word
        self.ticker = Looks()  # type: ignore[assignment]
        self.publisher = SimulatedPublisher(  # type: ignore[assignment]
            parts.log, codec, machine, process, gives_up=False
        )
        self.__dict__["redis_pipe"] = SimulatedPipe(parts.redis, machine, process)
        self.__dict__["database"] = SimulatedDatabase(parts.cassandra, machine, process)
        self.__dict__["progress"] = SimulatedProgress(
            CONVERSATIONS.name, parts.log, parts.committed, machine, process
        )

    def look_up(self, schema_id: int) -> bool:
        if "registry" in self._parts.machine.away:
            raise ConnectionError("registry is away")
        schema = REGISTERED.get(schema_id)
        return schema is not None and self.codec.learn(schema_id, schema)

    def log_reader(self) -> SimulatedReader:  # type: ignore[override]
        return SimulatedReader(self._parts.log)


class Worker:
    """One process with some roles; `app.batches` as `processors.app` has it, without channels.

    With `news` it is of the newer release, which brings them.
    """

    def __init__(
        self, parts: Parts, name: str, roles: Sequence[str], news: News | None = None
    ) -> None:
        self.roles = roles
        self.news = news
        self.process = Process(name)
        self.consumers: list[SimulatedConsumer] = []
        self.sources: list[Source] = []
        self._parts = parts
        codec = older(parts.codec) if news is None else newer(parts.codec, news)
        self.context = SimulatedContext(parts, self.process, codec, self._ended)
        for role in roles:
            attach(role, self, self.context)  # type: ignore[arg-type]
        for source in self.sources:
            parts.loop.run_now(source.on_start())

    @property
    def looks(self) -> list[Callable[[], bool]]:
        """What looks at the log."""
        return self.context.ticker.looks  # type: ignore[no-any-return, attr-defined]

    def kill(self) -> None:
        """SIGKILL."""
        self._parts.machine.kill(self.process)

    def batches(
        self,
        group: str,
        *,
        topics: Sequence[Topic],
        fenced: bool = False,
        patience_milliseconds: int = 0,
        assignee: Callable[[Guard], Assignee] | None = None,
    ) -> Callable[[Handler], Handler]:
        context = self.context

        def wire(handler: Handler) -> Handler:
            guard = guard_of(context, group, self._troubled(handler), fenced=fenced)

            async def take(batch: Batch) -> None:
                context.loop.create_task(self._take(guard, batch))

            def consumer_of(config: dict[str, Any]) -> Any:
                self.consumers.append(self._parts.consumer(self.process, group))
                return self.consumers[-1]

            source = source_of(
                context,
                guard,
                topics=topics,
                take=take,
                assignee=assignee,
                consumer_of=consumer_of,
                loop=context.loop,
            )
            self.sources.append(source)
            return handler

        return wire

    def _troubled(self, handler: Handler) -> Handler:
        """A handler that raises now and then, before or after its work: errors of every kind."""
        parts = self._parts

        async def handle(batch: Sequence[Received]) -> Confirmation | None:
            if parts.random.random() >= parts.trouble_chance:
                return await handler(batch)
            if parts.random.random() < 0.5:
                await handler(batch)
            kind = parts.random.choice((Trouble, TimeoutError))
            raise kind("drawn by the simulation")

        return handle

    async def _take(self, guard: Guard, batch: Batch) -> None:
        try:
            batch.handled.set_result(await guard.take(batch.records))
        except NewerRelease as error:
            batch.handled.set_exception(error)
        except Exception as error:
            self._ended(f"{guard.group} met a fault: {error!r}")

    def _ended(self, reason: str) -> None:
        """One that was fenced off ends itself; anything else is a fault of the program."""
        if self.process.alive:
            if "not confirmed" not in reason and Trouble.__name__ not in reason:
                self._parts.findings.append(f"fault: {self.process.name} ended: {reason}")
            self.kill()
