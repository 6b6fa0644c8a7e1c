"""The gateway program: `python -m edge`. Wires, starts, stops.

SIGTERM and SIGINT drain the gateway and end it with 0; a second one ends it at once. Exit statuses
are those of `infra.exits`.
"""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass

import structlog
import uvloop

from edge.gateway import Gateway, Settings
from infra import open_files
from infra.errors import UserError
from infra.exits import Exit
from infra.ids_file import codec_at_start
from infra.logs import set_up_logs
from infra.loops import spare_the_loop
from infra.settings import EdgeSettings, KafkaSettings, SchemaSettings, TokenSettings, load
from infra.tokens import ensure_development_key

SPARE_FILES = 1_000
"""Beside sockets: Kafka, logs, keys, and connections that have asked for nothing yet."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ProgramSettings:
    """What the environment says."""

    edge: EdgeSettings
    kafka: KafkaSettings
    schemas: SchemaSettings
    tokens: TokenSettings


async def serve(settings: ProgramSettings) -> None:
    """Run a gateway until a signal comes."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def signalled() -> None:
        if stop.is_set():
            os._exit(Exit.FAILED)
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, signalled)
    codec = codec_at_start(settings.schemas.ids, remembers=False)
    gateway = Gateway(
        Settings(edge=fitting(settings.edge), kafka=settings.kafka, tokens=settings.tokens),
        codec,
        end_process,
    )
    await gateway.start()
    spare_the_loop()
    await stop.wait()
    await gateway.stop()


def fitting(edge: EdgeSettings) -> EdgeSettings:
    """The settings with no more sockets than this process may open files for.

    Beyond them clients are told when to come again; without files they would be told nothing.
    """
    room = open_files.allow(edge.sockets_max + SPARE_FILES) - SPARE_FILES
    if room >= edge.sockets_max:
        return edge
    log.warning("the limit of open files allows fewer sockets", sockets_max=max(1, room))
    return edge.model_copy(update={"sockets_max": max(1, room)})


def end_process(reason: str) -> None:
    """End at once: the producer or the consumer can no longer keep its promise."""
    log.critical("process ends", reason=reason)
    os._exit(Exit.INTERNAL)


def main() -> int:
    """Run a gateway."""
    set_up_logs("edge")
    try:
        settings = load(ProgramSettings)
        if settings.tokens.environment == "development":
            ensure_development_key(settings.tokens)
        uvloop.run(serve(settings))
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
