"""One run: a world of workers, gateways and devices, and a scheduler that draws what happens next.

In: a seed. It decides which faults may happen in this run (swarm testing: a few of them at a time
find more than all together), how long it is, and every choice: which waiting call happens, who
looks at the log, which frame arrives, who writes, what breaks. Then everything is healed, and must
come to rest; `checks` says what does not hold. The same seed gives the same run where hashing of
strings does too (PYTHONHASHSEED).
"""

import asyncio
import random as global_random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

import structlog

from edge.markers import TOLD_SECONDS
from events.frames import CloseCode
from events.topics import GATEWAYS as GATEWAY_EVENTS
from infra.log_reader import Place
from tests.examples import NOON
from tests.simulation.cassandra import Cassandra
from tests.simulation.commits import Commits
from tests.simulation.device import Device, Link
from tests.simulation.faults import FAULTS
from tests.simulation.gateway import FRAMES_MAX, IN_FLIGHT_MAX, SimulatedGateway
from tests.simulation.groups import Group
from tests.simulation.kafka import Log, Record
from tests.simulation.loop import SimulatedLoop
from tests.simulation.machine import Call, Machine
from tests.simulation.parts import Parts
from tests.simulation.redis import Redis
from tests.simulation.releases import News
from tests.simulation.rest import SECONDS_AT_ONCE, come_to_rest, go_on
from tests.simulation.rules import in_force
from tests.simulation.tokens import LONG_SECONDS, Token, good
from tests.simulation.worker import BACK, FRONT, Worker

DEVICES = (("ann", "laptop"), ("ann", "phone"), ("bob", "phone"), ("cat", "phone"))
USERS = ("ann", "bob", "cat")
GATEWAYS = ("gateway-1", "gateway-2")

_STEPS = (60, 420)
_MOMENT = 0.01
_CALLS_AT_ONCE = 6
_ROUNDS_BEFORE = (0, 4, 6, 8)
_NOTES_SHARE = 0.1
"""Of messages, those to oneself."""
_LOOKS_SHARE = 0.3
"""Of messages, those whose writer has the conversation on the screen."""

_OFTEN = (0.3, 1.0, 1.0, 3.0)
"""How much more often than usual something happens in a run."""

ORDINARY = {
    "call": 30,
    "look": 24,
    "up": 8,
    "down": 10,
    "time": 3,
    "commit": 3,
    "write": 5,
    "read": 2,
    "connect": 3,
    "wake": 3,
    "reconnect": 1,
    "visit": 1,
}
"""What happens without any fault, and how often."""

QUIET = {"write": 2.0, "connect": 3.0, "read": 0.0, "call_is_held": 4.0, "held_calls_go_on": 0.3}
"""How often instead in a quiet run: what is missed stays missed, since nothing comes after it."""

_QUIET_SHARE = 0.15
_QUIET_WRITES_MAX = 5
_UNCONFIRMED_MAX = 8
_QUIET_FAULTS = {
    "call_is_held": 1.0,
    "held_calls_go_on": 1.0,
    "connection_lost": 0.7,
    "redis_loses_everything": 0.3,
    "redis_is_saved": 0.3,
    "redis_goes_back": 0.3,
}
_QUIET_TROUBLES = (
    *("worker_killed", "worker_becomes_a_zombie", "stopped_go_on", "handlers_raise"),
    *("calls_fail", "calls_hang", "part_goes_away", "parts_come_back", "gateway_killed"),
)
"""Of these, some happen in every second quiet run; often they mend what was missed."""


@dataclass
class World:
    """Everything that lives in one run."""

    seed: int
    quiet: bool | None = None
    """Whether little is said; drawn when it is not given."""
    random: Random = field(init=False)
    parts: Parts = field(init=False)
    commits: Commits = field(init=False)
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
        drawn = self.random.random() < _QUIET_SHARE
        self.quiet = drawn if self.quiet is None else self.quiet
        chances = dict(_QUIET_FAULTS) if self.quiet else dict.fromkeys(FAULTS, 0.25)
        if self.quiet and self.random.random() < 0.5:
            chances.update(dict.fromkeys(_QUIET_TROUBLES, 0.4))
        self.faults = [name for name, chance in chances.items() if self.random.random() < chance]
        usual = ORDINARY | dict.fromkeys(self.faults, 1) | (QUIET if self.quiet else {})
        self._weights = {name: often * self.random.choice(_OFTEN) for name, often in usual.items()}
        self.devices = [Device(*names, loop.time, self.random) for names in DEVICES]

    def now_ms(self) -> int:
        """The time of devices."""
        return NOON + int(self.parts.loop.now * 1_000)

    def broker_ms(self) -> int:
        """The time that records get."""
        leap_ms, self.broker_leap_ms = self.broker_leap_ms, 0
        return self.now_ms() + self.broker_shift_ms + leap_ms

    def start(self) -> None:
        """Two worker processes, two gateways."""
        for roles in (FRONT, BACK):
            self.start_worker(roles)
        for name in GATEWAYS:
            self.start_gateway(name)

    def start_worker(self, roles: tuple[str, ...], news: News | None = None) -> None:
        """One more process with these roles; of either release while a newer one is rolled out."""
        if self.upgraded or (self.news is not None and self.random.random() < 0.5):
            news = self.news
        self.workers.append(Worker(self.parts, f"worker-{len(self.story)}", roles, news))

    def upgrade(self) -> None:
        """The older release is taken away, if there is a newer one."""
        self.upgraded = True
        for worker in self.workers:
            for source in worker.sources:
                if source.progress.stopped and (worker.news, self.news) != (None, "event"):
                    found = f"fault: {source.group} stopped: {source.progress.stopped}"
                    self.parts.findings.append(found)
            if worker.news != self.news:
                worker.kill()
        self.workers = [one for one in self.workers if one.process.alive]

    def restart_workers(self) -> None:
        """Every worker process dies, and another is started in its place."""
        for worker in [one for one in self.workers if one.process.alive]:
            worker.kill()
            self.workers.remove(worker)
            self.start_worker(worker.roles)  # type: ignore[arg-type]

    def commit_all(self) -> None:
        """Every consumer of a living worker commits what it stored."""
        for worker in self.workers:
            for consumer in worker.consumers:
                if worker.process.alive:
                    consumer.commit_stored()

    def lose(self, place: Place, records: int) -> None:
        """A partition loses so many records of its end; the next record gets the first offset."""
        self.parts.log.changes += 1
        kept = self.parts.log.partitions[place]
        self.lost += kept[max(0, len(kept) - records) :]
        del kept[max(0, len(kept) - records) :]
        self.parts.log.starts[place] = min(self.parts.log.start(place), len(kept))
        self.poison = [one for one in self.poison if one[:2] != place or one[2] < len(kept)]

    def begin_another_generation(self) -> None:
        """What docs/deploying.md says to do when facts were lost or restored."""
        self.parts.log_generation += 1
        self.commits.forget()
        self.parts.redis.lose_everything()
        self.parts.cassandra = Cassandra()
        for group in ("history", "receipts"):
            self.parts.group(group).committed.clear()
        self.stop_everything()
        for gateway in list(self.gateways):
            self.start_gateway(gateway.id)
        for roles in (FRONT, BACK):
            self.start_worker(roles)

    def stop_everything(self) -> None:
        """No process of ours is left, nor anything that it asked for."""
        for gateway in self.gateways:
            if gateway.process.alive:
                gateway.kill()
        for worker in self.workers:
            if worker.process.alive:
                worker.kill()
        self.workers.clear()
        self.parts.machine.given_up.clear()
        self.parts.loop.settle()

    def start_gateway(self, name: str) -> None:
        """This gateway under a new epoch."""
        gateway = SimulatedGateway(self.parts, name, f"epoch{len(self.story)}")
        self.gateways = [one for one in self.gateways if one.id != name] + [gateway]

    def step(self) -> None:
        """One thing happens."""
        self.do(self.random.choices(list(self._weights), list(self._weights.values()))[0])

    def do(self, name: str) -> None:
        """Let this happen, if it can."""
        if name in FAULTS:
            self.story.append(name)
            FAULTS[name](self)
        else:
            getattr(self, f"_{name}")()
        self.parts.loop.settle()
        self.measure()

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

    # What happens without any fault

    def _call(self) -> None:
        """Some calls happen, one after the other; without any, somebody looks at the log."""
        machine = self.parts.machine
        for _ in range(self.random.randint(1, _CALLS_AT_ONCE)):
            if not (calls := [*machine.ready(), *machine.given_up]):
                self._look()
                return
            self.happen(self.random.choice(calls))
            self.parts.loop.settle()

    def happen(self, call: Call) -> None:
        """One call happens, fails, or is given up."""
        machine = self.parts.machine
        if call in machine.given_up:
            self.story.append(f"{call.owner.name}: {call.part}, late")
            machine.happen_late(call)
        elif call.part != "kafka" and self.random.random() < self.hang_chance:
            self.story.append(f"{call.owner.name}: {call.part} does not answer in time")
            machine.give_up(call)
        else:
            self.story.append(f"{call.owner.name}: {call.part}")
            machine.happen(call, self.fail_chance)

    def _look(self) -> None:
        """One process looks at all that it reads."""
        processes = (*self.workers, *self.gateways)
        if able := [one for one in processes if one.process.alive and not one.process.stopped]:
            for look in list(self.random.choice(able).looks):
                look()

    def looks(self) -> Iterator[Callable[[], bool]]:
        """What looks at the log."""
        for one in (*self.workers, *self.gateways):
            if one.process.alive and not one.process.stopped:
                yield from one.looks

    def _up(self) -> None:
        """The gateway takes the next frame of some device."""
        if linked := [one for one in self.devices if one.link is not None and one.link.up]:
            self.lift(self.random.choice(linked))

    def lift(self, device: Device) -> None:
        """The gateway takes the next frame of a device."""
        link = device.link
        if link is not None and link.up and not link.gateway.process.stopped:
            frame = link.up.popleft()
            if link.gateway.process.alive and not link.socket.ended.done():
                was_let_in = link.is_let_in
                self.story.append(f"{device.user_id}/{device.device_id} up {frame[-60:]!r}")
                link.socket.feed_data(frame)
                if frame in link.tokens:
                    self.judge(device, link.tokens.pop(frame), was_let_in)

    def _down(self) -> None:
        """Some device takes its next frame."""
        if told := [one for one in self.devices if one.link and one.link.wire.has_something]:
            self.random.choice(told).receive(self.now_ms())

    def _time(self) -> None:
        self.parts.loop.pass_time(self.random.random() * SECONDS_AT_ONCE)
        for device in self.devices:
            if self.random.random() < 0.2:
                device.apply(device.state.tick_clock(self.now_ms()))

    def _commit(self) -> None:
        """Some consumer commits in the background."""
        worker = self.random.choice(self.workers)
        if worker.process.alive and not worker.process.stopped:
            self.random.choice(worker.consumers).commit_stored()

    def _write(self) -> None:
        device = self.random.choice(self.devices)
        if self.quiet:  # who waits for no ticks asks for nothing that would tell of messages
            device = self.devices[0]
        others = [one for one in USERS if one != device.user_id]
        to_oneself = not self.quiet and self.random.random() < _NOTES_SHARE
        self.write(device, device.user_id if to_oneself else self.random.choice(others))

    def write(self, device: Device, to: str) -> None:
        """A device writes to a user."""
        if self.quiet and self.written >= _QUIET_WRITES_MAX:
            return
        self.written += 1
        self.story.append(f"{device.user_id}/{device.device_id} writes {self.written} to {to}")
        looks = not self.quiet and self.random.random() < _LOOKS_SHARE
        device.write(self.written, to, self.now_ms(), looks=looks)

    def _read(self) -> None:
        self.random.choice(self.devices).read(self.now_ms())

    def _connect(self) -> None:
        if away := [one for one in self.devices if one.link is None]:
            self.connect(self.random.choice(away))

    def connect(self, device: Device) -> None:
        """A device without a link opens one."""
        ready = [one for one in self.gateways if one.ready and not one.process.stopped]
        if device.link is None and ready:
            gateway = self.random.choice(ready)
            self.story.append(f"{device.user_id}/{device.device_id} connects to {gateway.id}")
            by_hello = self.random.random() < 0.3
            device.shift_ms = self.random.choice((0, self.devices_shift_ms))
            token = self.token(device)
            device.connect(gateway, token, by_hello=by_hello)
            if not by_hello:
                self.judge(device, token)

    def read_on(self) -> None:
        """Every device reads again."""
        for gateway in self.gateways:
            for _, wire in gateway.sockets:
                wire.read_on()
        for device in self.devices:
            if device.link is not None:
                device.link.wire.read_on()

    def token(self, device: Device) -> Token:
        """A fresh token of a device."""
        now = self.parts.wall_time()
        return good(device.user_id, device.device_id, now, self.token_seconds)

    def judge(self, device: Device, token: Token, was_let_in: bool = False) -> None:
        """Whoever's token is to be believed is let in, and nobody else.

        Who was let in already stays so until the token ends that was believed last.
        """
        link = device.link
        is_let_in = link is not None and link.is_let_in
        speaker = None if link is None else link.socket.principal
        names = (device.user_id, device.device_id)
        if speaker is not None and (speaker.user_id, speaker.device_id) != names:
            self.parts.findings.append(f"tokens: {device.user_id} is {speaker.user_id} now")
        if self.parts.wall_time() >= token.until:
            if was_let_in and link is not None:
                goes_on = is_let_in or link.wire.closed == CloseCode.TOO_SLOW
                if not goes_on and self.parts.wall_time() < link.until - _MOMENT:
                    self.parts.findings.append(f"tokens: {device.user_id}'s session did not go on")
            elif is_let_in:
                self.parts.findings.append(f"tokens: {device.user_id} was let in without a token")
        elif is_let_in and link is not None:
            link.until = token.until
        elif not (link and link.socket._closing):  # a session that had ended takes no token
            self.parts.findings.append(f"tokens: {device.user_id}'s token was not believed")

    def _visit(self) -> None:
        self.visit()

    def visit(self) -> None:
        """Gateways look at their sockets."""
        for gateway in self.gateways:
            if gateway.process.alive and not gateway.process.stopped:
                gateway.visit()
        now = self.parts.wall_time()
        for device in self.devices:
            link = device.link
            if link is None or link.gateway.process.stopped or not link.gateway.process.alive:
                continue
            if link.is_let_in and now > link.until + _MOMENT:
                self.parts.findings.append(f"tokens: {device.user_id} stays without a token")
            if link.wire.closed == CloseCode.TOKEN_EXPIRED and now < link.until - _MOMENT:
                self.parts.findings.append(f"tokens: {device.user_id} was sent away with a token")

    def _reconnect(self) -> None:
        """A device changes its network."""
        device = self.random.choice(self.devices)
        if device.link is not None:
            device.link.gateway.cut(device.link.socket)
            device.disconnect()
        self.connect(device)

    def _wake(self) -> None:
        self.random.choice(self.devices).wake(self.now_ms(), early=True)

    # After the last fault

    def begin(self) -> None:
        """Mostly all has started, and devices are connected, before anything goes wrong."""
        for _ in range(self.random.choice(_ROUNDS_BEFORE)):
            go_on(self)

    def begin_quietly(self) -> None:
        """Everybody has heard from Ann, has read it, and is away."""
        for to in USERS[1:]:
            self.write(self.devices[0], to)
        self.rest()
        for device in self.devices:
            device.read(self.now_ms())
        self.rest()
        for device in self.devices:
            if device.link is not None:
                device.link.gateway.cut(device.link.socket)
                device.disconnect()
        self.parts.loop.settle()

    def heal(self) -> None:
        """Everything works again, and comes to rest; then everybody looks at the inbox.

        Where submissions were lost, the first look shows a device which of its watermarks went with
        them, and it tells them again; what holds then is seen at the second. Before it, gateways
        forget that the log had them.
        """
        self.story.append("heal")
        self.rest()
        until = self.parts.loop.now + (TOLD_SECONDS if self.lost else 0)
        while self.parts.loop.now < until:  # everybody is awake meanwhile, and renews tokens
            self.rest()
        for _ in range(2 if self.lost else 1):
            for device in self.devices:
                device.look_at_the_end()
            self.rest()

    def rest(self) -> None:
        """Everything works, and everything comes to rest."""
        self.fail_chance = self.hang_chance = self.parts.trouble_chance = 0.0
        self.token_seconds = LONG_SECONDS
        self.devices_shift_ms = 0
        for device in self.devices:
            if device.shift_ms:
                device.disconnect()
                device.shift_ms = 0
        come_to_rest(self)

    def unread(self, group: Group) -> list[Place]:
        """Partitions that a group has not committed to their end.

        Admission and snapshots go on from what is in the log, not from an offset; heartbeats of
        gateways never end.
        """
        if group.name in ("admission", "snapshots"):
            return []
        return [
            place
            for place in group.owners
            if place[0] != GATEWAY_EVENTS.name
            and group.offset(place) < len(self.parts.log.partitions[place])
        ]


@contextmanager
def inside(world: World) -> Iterator[None]:
    """Where the loop of the world is the running one, its rules are in force, and all is silent."""
    loop, logging = asyncio._get_running_loop(), structlog.get_config()
    asyncio._set_running_loop(world.parts.loop)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        with in_force(world.seed):
            yield
    finally:
        asyncio._set_running_loop(loop)
        structlog.configure(**logging)


@contextmanager
def quiet_world(seed: int, quiet: bool | None = None) -> Iterator[World]:
    """A world whose loop is the running one, and whose processes log nothing."""
    state = global_random.getstate()
    global_random.seed(seed)
    world = World(seed, quiet)
    try:
        with inside(world):
            yield world
    finally:
        global_random.setstate(state)


def run(seed: int, steps: int | None = None, *, quiet: bool | None = None) -> World:
    """One run from a seed, or only its first steps; healed in either case."""
    with quiet_world(seed, quiet) as world:
        world.start()
        if world.quiet:
            world.begin_quietly()
        else:
            world.begin()
        drawn = world.random.randint(*_STEPS)
        world.steps = drawn if steps is None else min(steps, drawn)
        for _ in range(world.steps):
            world.step()
        world.heal()
        return world
