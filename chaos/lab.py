"""Where faults strike: a stack of its own, gateways behind proxies, workers in pairs, people.

What a fault does to a part goes through the lab, so that the supervisor knows what is meant to be
down and the history holds what was done.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import aiohttp
from confluent_kafka import KafkaException

from chaos.evidence_form import Letter
from chaos.history import Recorder, Restarted
from chaos.people import Crowd, Person
from chaos.proxy import Proxy
from infra import catalogues
from infra.errors import UserError
from infra.lag import TOPICS_READ, LagReader
from infra.settings import KafkaSettings, RedisSettings, TokenSettings, load
from infra.stack import process, services
from infra.stack.part import OnProgress
from infra.stack.stack import Stack
from infra.stack.supervisor.supervisor import Supervisor
from infra.tokens import ensure_development_key, mint

GATEWAYS = ("gateway-1", "gateway-2")
FRONTS = ("front-1", "front-2")
BACKS = ("back-1", "back-2")

WAIT_SECONDS_MAX = 1.5
WELL_SECONDS = 2.0
"""Longer than the wait: what struck just now shows in who waits only after that."""
LAG_RECORDS_MAX = 100

_LOOK_SECONDS = 0.25
_KAFKA_SECONDS = 3.0
_SPREAD_SECONDS = 15.0
_AGAIN_SECONDS = 1.0
_TOKEN_SECONDS = 4 * 3_600
_FULL_AT_BYTES = 4_096
EDGE = {
    "CHAT_EDGE_HEARTBEAT_SECONDS": "3",
    "CHAT_EDGE_DRAIN_SECONDS": "2",
    "CHAT_EDGE_SEND_RATE_PER_MINUTE": "600",
    "CHAT_EDGE_SEND_BURST": "100",
}
"""What gateways are told: short times, so that a run holds many faults, and people write a lot."""


@dataclass(frozen=True, slots=True)
class Known:
    """The settings a lab needs of its stack."""

    kafka: KafkaSettings
    redis: RedisSettings
    tokens: TokenSettings


@dataclass(slots=True)
class Lab:
    """A running system with people in it, to be broken."""

    stack: Stack
    recorder: Recorder
    random: Random
    proxies: dict[str, Proxy]
    crowd: Crowd
    supervisor: Supervisor
    known: Known
    planted: list[Letter] = field(default_factory=list)
    """Poison that faults wrote, and who has to set it aside."""
    _lag_reader: LagReader = field(init=False)

    def __post_init__(self) -> None:
        self._lag_reader = LagReader(self.known.kafka, _KAFKA_SECONDS)

    def say(self, text: str) -> None:
        """Write into the history what is being done."""
        self.recorder.say(text)

    # What faults do to parts

    async def kill(self, *names: str) -> None:
        """SIGKILL, all at once; they stay down until they are started."""
        for name in names:
            await asyncio.to_thread(self.supervisor.hold, name)
        self.say(f"SIGKILL to {', '.join(names)}")
        await asyncio.gather(*(asyncio.to_thread(self.stack.kill, name) for name in names))

    async def kill_if_alive(self, name: str) -> None:
        """SIGKILL, if it has not ended by itself; it stays down until it is started."""
        if self.supervisor.lives(name):
            await self.kill(name)

    async def stop(self, name: str) -> None:
        """SIGTERM; it stays down until it is started."""
        await asyncio.to_thread(self.supervisor.hold, name)
        self.say(f"SIGTERM to {name}")
        await asyncio.to_thread(self.stack.stop_part, name)

    async def start(self, *names: str) -> None:
        """Start parts side by side; returns when they are ready."""
        self.say(f"start of {', '.join(names)}")
        await asyncio.to_thread(self.stack.start_parts, *names)
        for name in names:
            self.supervisor.release(name)

    async def pause(self, name: str) -> None:
        """SIGSTOP."""
        self.say(f"SIGSTOP to {name}")
        await asyncio.to_thread(self.stack.pause, name)

    async def resume(self, name: str) -> None:
        """SIGCONT."""
        self.say(f"SIGCONT to {name}")
        await asyncio.to_thread(self.stack.resume, name)

    async def fill_disk(self, name: str) -> None:
        """From now on every write of the part beyond a few bytes of a file fails (EFBIG).

        It is the running process whose limit is set, so no disk has to be filled and nobody else's
        writes fail; what a process does about a failed write is the same. It stays down if it ends.
        """
        await asyncio.to_thread(self.supervisor.hold, name)
        record = process.read_record(self.stack.part(name).pid_file)
        assert record is not None
        self.say(f"the disk of {name} takes no more")
        _, hard = resource.prlimit(record.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(record.pid, resource.RLIMIT_FSIZE, (_FULL_AT_BYTES, hard))

    async def change(self, service: services.Service) -> None:
        """Stop a service, and start it as it is described now."""
        await self.stop(service.name)
        service.save(self.stack.folder)
        await self.start(service.name)

    async def remove(self, service: services.Service) -> None:
        """Stop a service that was added, for good."""
        await self.stop(service.name)
        service.forget(self.stack.folder)
        self.supervisor.release(service.name)

    def service(self, name: str) -> services.Service:
        """A service as it is described now."""
        known = {service.name: service for service in services.saved_services(self.stack.folder)}
        return known[name]

    async def spread(self) -> None:
        """Send people from the fuller gateway to the other one, so that each has its share.

        Those that a fault has driven away stay where they are otherwise.
        """
        fuller, other = sorted(self.proxies.values(), key=lambda proxy: -proxy.connections)
        if (too_many := (fuller.connections - other.connections) // 2) > 1:
            self.say(f"{too_many} people change their gateway")
            fuller.reset(too_many)
            await self.until_whole(_SPREAD_SECONDS)

    # How things are

    async def until_whole(self, timeout_seconds: float) -> bool:
        """Wait until all is well for a while; whether it came.

        Everyone is online, nobody waits long for a tick, every part runs and no group lags.
        """
        deadline = time.monotonic() + timeout_seconds
        well_since: float | None = None
        while time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self._is_served() or not self.supervisor.everything_lives():
                well_since = None
            elif well_since is None:
                well_since = time.monotonic()
            elif time.monotonic() - well_since > WELL_SECONDS and await self._keeps_up():
                return True
        return False

    def _is_served(self) -> bool:
        online = all(person.client.online for person in self.crowd.people)
        return online and self.crowd.oldest_wait_seconds() < WAIT_SECONDS_MAX

    async def _keeps_up(self) -> bool:
        try:
            lags = await asyncio.to_thread(self._lag_reader.lags, TOPICS_READ)
        except KafkaException:
            return False
        return max(lags.values()) < LAG_RECORDS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Of what a lab consists."""

    brokers: int = 1
    pairs: int = 12
    folder: Path
    quick: bool = False
    """Compile Java at the first level only: starts sooner, and starts are what a run has most."""


@asynccontextmanager
async def lab(
    shape: Shape, seed: int, report: OnProgress = lambda status: None
) -> AsyncIterator[Lab]:
    """Start everything in an empty folder; end everything, also when it is cancelled."""
    stack = Stack(shape.folder / "stack", brokers=shape.brokers, quick=shape.quick)
    async with AsyncExitStack() as cleanup:
        await asyncio.to_thread(stack.wipe)
        cleanup.push_async_callback(asyncio.to_thread, _end, stack)
        await asyncio.to_thread(_start_everything, stack, report)
        recorder = Recorder(shape.folder / "history.jsonl")
        cleanup.callback(recorder.close)
        proxies = {
            service.name: Proxy(stack.ports.port(f"{service.name}.proxy"), service.port)
            for service in services.saved_services(stack.folder)
            if service.name in GATEWAYS
        }
        for proxy in proxies.values():
            await proxy.start()
            cleanup.push_async_callback(proxy.stop)
        http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        await cleanup.enter_async_context(http)
        known = load(Known, stack.environment())
        crowd = _crowd(shape.pairs, list(proxies.values()), known.tokens, recorder, http)
        supervisor = _supervisor(stack, recorder)
        supervisor.start()
        cleanup.callback(supervisor.stop)
        cleanup.push_async_callback(crowd.leave)
        await crowd.come()
        yield Lab(stack, recorder, Random(seed), proxies, crowd, supervisor, known)


def _supervisor(stack: Stack, recorder: Recorder) -> Supervisor:
    """One that starts whatever does not run and no fault keeps down, and waits briefly."""
    loop = asyncio.get_running_loop()
    return Supervisor(
        stack,
        on_restart=lambda name: _soon(loop, lambda: recorder.add(Restarted(recorder.now(), name))),
        on_failure=lambda name, why: _soon(
            loop, lambda: recorder.say(f"{name} did not start: {why}")
        ),
        is_wanted=lambda name: True,
        wait_seconds_max=_AGAIN_SECONDS,
    )


def _soon(loop: asyncio.AbstractEventLoop, record: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the run is over
        loop.call_soon_threadsafe(record)


def _end(stack: Stack) -> None:
    """End everything at once: nobody needs what it would write in good order."""
    for name in stack.names():
        with suppress(UserError):
            stack.kill(name)
    stack.stop()


def _start_everything(stack: Stack, report: OnProgress) -> None:
    stack.start(report)
    catalogues.apply(load(catalogues.CatalogueSettings, stack.environment()))
    ports = stack.ports
    stack.run(
        *(services.gateway(ports, name, EDGE) for name in GATEWAYS),
        *(worker(stack, name, services.FRONT) for name in FRONTS),
        *(worker(stack, name, services.BACK) for name in BACKS),
        on_progress=report,
    )


def worker(stack: Stack, name: str, roles: Sequence[str]) -> services.Service:
    """A worker that may take its time to start: the machine has much to do."""
    return replace(services.worker(stack.ports, name, roles), ready_seconds_max=300.0)


def _crowd(
    pairs: int,
    proxies: list[Proxy],
    tokens: TokenSettings,
    recorder: Recorder,
    http: aiohttp.ClientSession,
) -> Crowd:
    key = ensure_development_key(tokens)

    async def token_of(user_id: str) -> str:
        return mint(
            key,
            tokens,
            user_id=user_id,
            device_id="phone",
            now_seconds=int(time.time()),
            lifetime_seconds=_TOKEN_SECONDS,
        )

    def person(name: str, number: int) -> Person:
        first = number % len(proxies)
        urls = [proxy.url for proxy in (*proxies[first:], *proxies[:first])]
        return Person(name, urls, token_of, recorder, http)

    return Crowd(
        [
            (
                person(f"ann-{number:02}", number // 2),
                person(f"bob-{number:02}", number // 2 + number),
            )
            for number in range(pairs)
        ],
        recorder,
    )
