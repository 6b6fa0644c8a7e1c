"""The Faust app of a worker process, and what an agent looks like here.

Faust gives the app, the agents, life cycle and timers. Data comes from a `Source` for each consumer
group through a Faust channel, one Faust event a batch; Faust's own Kafka client is not started, by
the boot strategy that Faust offers for that (ADR 0006).

A role says what it reads and what it does with a batch:

    def attach(app: WorkerApp, context: Context) -> None:
        @app.batches("history", topics=(CONVERSATIONS,), fenced=True)
        async def project_history(batch: Sequence[Received]) -> None:
            await store.apply(writes_of(batch))

When the function returns, all it did is confirmed, or it returns what will be: then it is called
with the next batch meanwhile. It may be called again with the same records.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import faust
import structlog
from faust.app.base import BootStrategy
from mode.types import ServiceT

from events.topics import Topic
from infra.reading import NewerRelease
from processors.context import Context
from processors.dead_letters import DeadLetters
from processors.guard import Guard, Handler
from processors.partitions import Assignee
from processors.positions import Positions
from processors.source import Batch, Source

log = structlog.get_logger()


class _WithoutKafka(BootStrategy):
    """Starts agents and timers, and none of Faust's own Kafka clients, tables or web."""

    enable_kafka = False
    enable_web = False

    def tables(self) -> Iterable[ServiceT]:
        return []


class WorkerApp(faust.App):
    """A Faust app whose agents take batches of a consumer group."""

    BootStrategy = _WithoutKafka

    def __init__(self, context: Context) -> None:
        super().__init__(
            "chatlog",
            broker=f"kafka://{context.settings.kafka.bootstrap.split(',')[0]}",
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            table_standby_replicas=0,
        )
        self.context = context
        self.sources: list[Source] = []
        self.guards: list[Guard] = []

    async def on_first_start(self) -> None:
        """Faust would make a data folder here, for tables that we do not have."""

    def batches(
        self,
        group: str,
        *,
        topics: Sequence[Topic],
        fenced: bool = False,
        patience_milliseconds: int = 0,
        assignee: "Callable[[Guard], Assignee] | None" = None,
    ) -> Callable[[Handler], Handler]:
        """Make an agent of a function that takes batches of these topics.

        `fenced` keeps undecided and outdated records of the fact log away from the function.
        `patience_milliseconds` trades latency for larger batches, where nobody waits.
        `assignee` is told of partitions in place of the guard, for roles with a state to restore.
        """

        def attach(handler: Handler) -> Handler:
            context = self.context
            guard = guard_of(context, group, handler, fenced=fenced)
            channel = self.channel(maxsize=1)

            async def take(batch: Batch) -> None:
                await channel.send(value=batch)

            source = source_of(
                context,
                guard,
                topics=topics,
                take=take,
                assignee=assignee,
                patience_milliseconds=patience_milliseconds,
                loop=self.loop,
                beacon=self.beacon,
            )
            self.sources.append(source)
            context.leaving.append(source.leave)
            self.guards.append(guard)
            agent = _agent_of(guard, context.end_process)
            self.agent(channel, name=handler.__name__, concurrency=1)(agent)
            return handler

        return attach


def guard_of(context: Context, group: str, handler: Handler, *, fenced: bool) -> Guard:
    """The guard of a role's function."""
    return Guard(
        group,
        handler,
        codec=context.codec,
        look_up=context.look_up,
        dead_letters=DeadLetters(group, context.publisher),
        telemetry=context.telemetry,
        positions=Positions(group, context.settings.kafka.log_generation, context.log_reader),
        fenced=fenced,
    )


def source_of(
    context: Context,
    guard: Guard,
    *,
    topics: Sequence[Topic],
    take: Callable[[Batch], Awaitable[None]],
    assignee: Callable[[Guard], Assignee] | None,
    **options: Any,
) -> Source:
    """The source of a guard's batches; `options` are those of `Source`."""
    return Source(
        group=guard.group,
        topics=[topic.name for topic in topics],
        kafka=context.settings.kafka,
        take=take,
        assignee=guard if assignee is None else assignee(guard),
        mark_behind=guard.mark_behind,
        progress=guard.progress,
        on_failure=context.end_process,
        client_id=context.worker_id,
        ticker=context.ticker,
        **options,
    )


def _agent_of(guard: Guard, end_process: Callable[[str], None]) -> Callable[[Any], Any]:
    async def agent(batches: Any) -> None:
        async for batch in batches:
            try:
                batch.handled.set_result(await guard.take(batch.records))
            except NewerRelease as error:
                batch.handled.set_exception(error)
            except Exception:
                log.exception("agent failed", group=guard.group)
                end_process(f"{guard.group} met a fault")

    agent.__name__ = guard.group
    return agent
