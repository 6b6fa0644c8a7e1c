"""Everything that lives in one run, and what it says about itself."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random

from infra.log_reader import Place
from tests.examples import NOON
from tests.simulation.cassandra import Cassandra
from tests.simulation.chances import draw_faults, draw_quiet, draw_weights
from tests.simulation.commits import Commits
from tests.simulation.device import Device, Link
from tests.simulation.gateway import FRAMES_MAX, IN_FLIGHT_MAX, SimulatedGateway
from tests.simulation.kafka import Log, Record
from tests.simulation.loop import SimulatedLoop
from tests.simulation.machine import Machine
from tests.simulation.parts import Parts
from tests.simulation.redis import Redis
from tests.simulation.releases import News
from tests.simulation.tokens import LONG_SECONDS
from tests.simulation.watermarks import Watermark
from tests.simulation.worker import Worker

DEVICES = (("ann", "laptop"), ("ann", "phone"), ("bob", "phone"), ("cat", "phone"))
USERS = ("ann", "bob", "cat")

_UNCONFIRMED_MAX = 8


@dataclass
class Inhabitants:
    """The parts around the domain, processes, devices; what was lost, and what was said."""

    seed: int
    quiet: bool | None = None
    """Whether little is said; drawn when it is not given."""
    random: Random = field(init=False)
    parts: Parts = field(init=False)
    commits: Commits = field(init=False)
    watermarks: list[Watermark] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    gateways: list[SimulatedGateway] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    steps: int = 0
    _weights: dict[str, float] = field(default_factory=dict)
    broker_shift_ms: int = 0
    broker_leap_ms: int = 0
    """How far ahead the next record's time is, and no other's."""
    devices_shift_ms: int = 0
    """By how much the clock of a device that connects may be wrong."""
    left_behind: list[Link] = field(default_factory=list)
    """Connections that their devices gave up, with frames that no gateway has read."""
    fail_chance: float = 0.0
    hang_chance: float = 0.0
    token_seconds: int = LONG_SECONDS
    written: int = 0
    lost: list[Record] = field(default_factory=list)
    """Records that were appended, and are gone."""
    poison: list[tuple[str, int, int]] = field(default_factory=list)
    """Where records lie that are no events."""
    hostile: set[tuple[Place, int]] = field(default_factory=set)
    """Where records lie that nobody should have written; they may be decided or set aside."""
    news: News | None = None
    """What the newer release brings, once one has come."""
    upgraded: bool = False
    longest: dict[str, tuple[int, int]] = field(default_factory=dict)
    """How long each bounded queue was, and how long it may be."""

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        loop = SimulatedLoop()
        machine = Machine(loop, self.random)
        redis = Redis(loop.time)
        self.parts = Parts(loop, self.random, machine, Log(self.broker_ms), redis, Cassandra())
        self.commits = Commits(self.parts)
        drawn = draw_quiet(self.random)
        self.quiet = drawn if self.quiet is None else self.quiet
        self.faults = draw_faults(self.random, quiet=self.quiet)
        self._weights = draw_weights(self.random, self.faults, quiet=self.quiet)
        self.devices = [Device(*names, loop.time, self.random) for names in DEVICES]

    def now_ms(self) -> int:
        """The time of devices."""
        return NOON + int(self.parts.loop.now * 1_000)

    def broker_ms(self) -> int:
        """The time that records get."""
        leap_ms, self.broker_leap_ms = self.broker_leap_ms, 0
        return self.now_ms() + self.broker_shift_ms + leap_ms

    def looks(self) -> Iterator[Callable[[], bool]]:
        """What looks at the log."""
        for one in (*self.workers, *self.gateways):
            if one.process.alive and not one.process.stopped:
                yield from one.looks

    def measure(self) -> None:
        """Note how long queues are, and when no store is used by anybody."""
        waits = any(one.process.alive and one.process.waits for one in self.workers)
        if not waits and not self.parts.machine.stores_are_asked:
            self.parts.redis.nothing_is_on_its_way()
        self._note("unconfirmed batches", _UNCONFIRMED_MAX, self._unconfirmed())
        self._note("a socket's outbox", FRAMES_MAX, self._outboxes(only_read=False))
        self._note("an outbox whose device reads", 0, self._outboxes(only_read=True))
        in_flight = (one.state.outbox._in_flight for one in self.devices)
        self._note("a device's messages in flight", IN_FLIGHT_MAX // 2, in_flight)

    def _unconfirmed(self) -> Iterator[int]:
        for worker in self.workers:
            for source in worker.sources:
                yield len(source._unconfirmed)

    def _outboxes(self, *, only_read: bool) -> Iterator[int]:
        for gateway in self.gateways:
            for socket, wire in gateway.sockets:
                if not only_read or (gateway.process.alive and not wire.writing_paused):
                    yield len(socket._outbox._waiting)

    def _note(self, name: str, bound: int, lengths: Iterable[int]) -> None:
        longest, _ = self.longest.get(name, (0, 0))
        self.longest[name] = (max(longest, *lengths, 0), bound)
