"""A stack of our own for a benchmark: emptied, started, and ended whatever happens.

In: how many gateways, and which roles share a worker process. Out: a running stack with all
catalogues applied, and the process ids of its parts. Rate limits of the edge are raised: a pair of
the benchmark says more in a second than a person in an hour.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from bench.driver import Driver, raise_open_files_limit
from events.codec import Codec
from events.topics import GROUPS
from infra import catalogues
from infra.checkout import CHECKOUT
from infra.ids_file import codec_at_start
from infra.settings import KafkaSettings, SchemaSettings, inherited_environment, load
from infra.stack import services
from infra.stack.part import OnProgress, PartStatus
from infra.stack.stack import Stack

FOLDER = CHECKOUT / ".chatlog" / "bench"
OPEN_FILES = 16_384

_READY_SECONDS = 180.0

_PLENTY_A_MINUTE = "1000000000"
EDGE = {
    "CHAT_EDGE_SEND_RATE_PER_MINUTE": _PLENTY_A_MINUTE,
    "CHAT_EDGE_SEND_BURST": "1000000",
    "CHAT_EDGE_OPEN_RATE_PER_MINUTE": _PLENTY_A_MINUTE,
    "CHAT_EDGE_OPEN_BURST": "1000000",
    "CHAT_EDGE_QUERY_RATE_PER_MINUTE": _PLENTY_A_MINUTE,
    "CHAT_EDGE_QUERY_BURST": "1000000",
    "CHAT_EDGE_FRAME_RATE_PER_MINUTE": _PLENTY_A_MINUTE,
    "CHAT_EDGE_MARK_RATE_PER_MINUTE": _PLENTY_A_MINUTE,
    "CHAT_EDGE_MARK_BURST": "1000000",
    "CHAT_EDGE_FRAME_BURST": "1000000",
}
"""What is raised in a gateway that is to be loaded."""


class Workers(StrEnum):
    """Which roles share a process."""

    ALL_IN_ONE = "all-in-one"
    SPLIT = "split"
    """What answers people in one process, what writes and reads stores in another."""
    EACH = "each"

    def processes(self) -> list[tuple[str, ...]]:
        """The roles of each worker process."""
        if self is Workers.ALL_IN_ONE:
            return [GROUPS]
        if self is Workers.SPLIT:
            return [services.FRONT, services.BACK]
        return [(role,) for role in GROUPS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Of what the world consists."""

    gateways: int = 1
    """0: no services at all."""
    workers: Workers | None = Workers.SPLIT
    """None: gateways alone."""
    folder: Path = FOLDER
    brokers: int = 1


@dataclass(frozen=True, slots=True)
class _Settings:
    kafka: KafkaSettings
    schemas: SchemaSettings


class World:
    """A running stack with our services."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def environment(self) -> dict[str, str]:
        """The settings by which programs find this world, with what every process inherits."""
        return {**inherited_environment(), **self.stack.environment()}

    def kafka(self) -> KafkaSettings:
        """How this world's log is reached."""
        return load(_Settings, self.stack.environment()).kafka

    def codec(self) -> Codec:
        """What the records of this world's log are read with."""
        return codec_at_start(load(_Settings, self.stack.environment()).schemas.ids)

    def statuses(self) -> dict[str, PartStatus]:
        """How each part is, by name."""
        return {status.name: status for status in self.stack.status()}

    def pids(self) -> dict[str, int]:
        """The process of each part that runs."""
        return {name: status.pid for name, status in self.statuses().items() if status.pid}

    def driver(self) -> Driver:
        """A load program for this world's gateways."""
        return Driver(self.environment())

    def run_services(
        self,
        shape: Shape,
        on_progress: OnProgress = lambda status: None,
        ready_seconds_max: float = _READY_SECONDS,
    ) -> None:
        """Start gateways and workers and wait until all are ready."""
        self.stack.run(
            *(
                replace(service, ready_seconds_max=ready_seconds_max)
                for service in _services(self.stack, shape)
            ),
            on_progress=on_progress,
        )

    def run_worker(self, name: str, *roles: str) -> None:
        """Start one more worker process and wait until it is ready."""
        service = services.worker(self.stack.ports, name, roles)
        self.stack.run(replace(service, ready_seconds_max=_READY_SECONDS))


@contextmanager
def world(
    shape: Shape, progress: Callable[[], AbstractContextManager[OnProgress]]
) -> Iterator[World]:
    """Start an empty stack and our services; stop all of it at the end, also on Ctrl-C.

    `progress` shows what starts, until all has started.
    """
    raise_open_files_limit(OPEN_FILES)
    stack = Stack(shape.folder, brokers=shape.brokers)
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        stack.wipe()
        with progress() as report:
            stack.start(report)
            catalogues.apply(load(catalogues.CatalogueSettings, stack.environment()))
            if shape.gateways:
                World(stack).run_services(shape, report)
        yield World(stack)
    finally:
        stack.stop()
        signal.signal(signal.SIGTERM, before)


def _services(stack: Stack, shape: Shape) -> list[services.Service]:
    return [
        *(
            services.gateway(stack.ports, f"gateway-{number}", EDGE)
            for number in range(1, shape.gateways + 1)
        ),
        *(
            services.worker(stack.ports, f"worker-{number}", roles)
            for number, roles in enumerate(shape.workers.processes() if shape.workers else (), 1)
        ),
    ]


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
