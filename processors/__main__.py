"""The worker program: `python -m processors admission fanout …`. Wires, starts, stops.

SIGTERM and SIGINT finish the batches in hand, commit, leave the groups and end with 0. Exit
statuses are those of `infra.exits`.
"""

import asyncio
import signal
import sys
from importlib import import_module

import structlog
import uvloop
from aiohttp import web

from events.topics import GROUPS
from infra import cassandra
from infra.access import COMPONENTS
from infra.demands import redis as demands_of_redis
from infra.demands.at_start import Ask, ask_in_background, kafka_breaches, topics_of
from infra.errors import UserError
from infra.exits import Exit
from infra.ids_file import codec_at_start
from infra.logs import set_up_logs
from infra.loops import spare_the_loop
from infra.producer import Publisher
from infra.settings import load
from infra.telemetry import Telemetry
from processors.app import WorkerApp
from processors.context import Context, Settings
from processors.health import health_app
from processors.watchdog import Watchdog

log = structlog.get_logger()

_WITH_FOLDER = frozenset({"admission", "fanout", "snapshots"})


def attach(role: str, app: WorkerApp, context: Context) -> None:
    """Attach the agent of a role."""
    module = f"processors.{role}.agent" if role in _WITH_FOLDER else f"processors.{role}"
    import_module(module).attach(app, context)


def asks_of(roles: list[str], settings: Settings) -> dict[str, Ask]:
    """What is asked at the start of the parts that these roles use."""
    components = [COMPONENTS[role] for role in roles]
    topics = {topic.name: topic for role in roles for topic in topics_of(role)}
    asks: dict[str, Ask] = {
        "kafka": lambda: kafka_breaches(settings.kafka, list(topics.values())),
    }
    if any(component.uses_cassandra for component in components):
        asks["cassandra"] = lambda: cassandra.breaches(settings.cassandra)
    if any(component.uses_redis for component in components):
        asks["redis"] = lambda: demands_of_redis.breaches(settings.redis)
    return asks


async def work(roles: list[str], settings: Settings) -> None:
    """Run the roles until a signal comes."""
    codec = codec_at_start(settings.schemas.ids)
    context = Context(settings, codec, Telemetry("processors"))
    context.publisher = Publisher(
        settings.kafka,
        codec,
        message_timeout_seconds=0,
        on_fatal=context.end_process,
        ticker=context.ticker,
    )
    await context.publisher.start()
    app = WorkerApp(context)
    for role in roles:
        attach(role, app, context)
    progress = {source.group: source.progress for source in app.sources}
    watchdog = Watchdog(context.loop, progress, context.end_process)
    runner = web.AppRunner(health_app(watchdog, progress, context.telemetry), access_log=None)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        context.loop.add_signal_handler(name, stop.set)
    await runner.setup()
    await web.TCPSite(runner, settings.worker.host, settings.worker.health_port).start()
    ask_in_background(
        asks_of(roles, settings), lambda reason: context.end_process(reason, Exit.SETTINGS)
    )
    app.flow_control.resume()
    await app.start()
    for source in app.sources:
        await app.add_runtime_dependency(source)
    watchdog.start()
    spare_the_loop()
    log.info("worker started", roles=roles, worker_id=context.worker_id)
    await stop.wait()
    watchdog.stop()
    await asyncio.gather(*(source.stop() for source in app.sources))
    await app.stop()
    await context.publisher.stop()
    await context.close()
    await runner.cleanup()
    log.info("worker stopped", worker_id=context.worker_id)


def main(arguments: list[str]) -> int:
    """Run the named roles, all of them when none is named."""
    roles = arguments or list(GROUPS)
    unknown = sorted(set(roles) - set(GROUPS))
    if unknown:
        print(
            f"No such role: {', '.join(unknown)}. There are: {', '.join(GROUPS)}.", file=sys.stderr
        )
        return Exit.USAGE
    try:
        settings = load(Settings)
        set_up_logs("processors")
        uvloop.run(work(roles, settings))
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
