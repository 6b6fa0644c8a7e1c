"""What may go wrong, by name: each changes a world. A run draws some of these, and how often."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from bench.frames import text_frame
from events.codec import EncodeError
from events.topics import CONVERSATIONS, GATEWAYS, QUERIES, SESSIONS, SUBMISSIONS
from processors.admission.decider import STALE_MS
from processors.admission.state import REMEMBERED_MS
from tests.simulation.hostile import anything
from tests.simulation.parts import CODEC
from tests.simulation.tokens import BAD, Token

if TYPE_CHECKING:
    from tests.simulation.world import World

FAULTS: dict[str, Callable[[World], None]] = {}

_SAID_TO_THE_SLOW = 12
_RETRY_MS_MAX = 60_000
_CLOCK_SHIFT_MS_MAX = REMEMBERED_MS - STALE_MS
"""Clocks of gateways and brokers agree within this: docs/invariants.md, I3."""


def _fault(change: Callable[[World], None]) -> Callable[[World], None]:
    FAULTS[change.__name__] = change
    return change


@_fault
def worker_killed(world: World) -> None:
    """SIGKILL between any two steps, and a new process."""
    worker = world.random.choice(world.workers)
    if worker.process.alive:
        worker.kill()
        world.workers.remove(worker)
        world.start_worker(worker.roles)  # type: ignore[arg-type]


@_fault
def worker_added(world: World) -> None:
    """One more process for the same roles; partitions move."""
    if len(world.workers) < 4:
        world.start_worker(world.random.choice(world.workers).roles)  # type: ignore[arg-type]


@_fault
def worker_becomes_a_zombie(world: World) -> None:
    """SIGSTOP for so long that others take its partitions; it goes on later, unknowing."""
    worker = world.random.choice(world.workers)
    if worker.process.alive and not worker.process.stopped:
        worker.process.stopped = True
        for consumer in worker.consumers:
            world.parts.group(consumer.group_name).leave(consumer)
        world.start_worker(worker.roles)  # type: ignore[arg-type]


@_fault
def stopped_go_on(world: World) -> None:
    """SIGCONT."""
    for one in (*world.workers, *world.gateways):
        one.process.stopped = False


@_fault
def partitions_move(world: World) -> None:
    """A rebalance for no reason."""
    world.random.choice(list(world.parts.groups.values())).rebalance()


@_fault
def gateway_killed(world: World) -> None:
    """SIGKILL, and the same gateway under a new epoch."""
    gateway = world.random.choice(world.gateways)
    gateway.kill()
    world.start_gateway(gateway.id)


@_fault
def gateway_stopped(world: World) -> None:
    """SIGSTOP for a while."""
    world.random.choice(world.gateways).process.stopped = True


@_fault
def redis_loses_everything(world: World) -> None:
    """FLUSHALL."""
    world.parts.redis.lose_everything()


@_fault
def part_goes_away(world: World) -> None:
    """Kafka, Cassandra or Redis refuses everything for a while."""
    away = world.parts.machine.away
    away |= world.random.choice(({"kafka", "kafka-giving-up"}, {"cassandra"}, {"redis"}))


@_fault
def parts_come_back(world: World) -> None:
    """And is there again."""
    world.parts.machine.away.clear()


@_fault
def calls_fail(world: World) -> None:
    """From now on some calls time out, whether they had worked or not."""
    world.fail_chance = 0.15


@_fault
def calls_hang(world: World) -> None:
    """From now on some calls are given up by who asked, and happen later, or never."""
    world.hang_chance = 0.15


@_fault
def call_is_held(world: World) -> None:
    """One call waits, and whatever else there is goes on."""
    machine = world.parts.machine
    calls = machine.ready()
    if calls := [call for call in calls if call.part == "redis"] or calls:
        machine.held.add(world.random.choice(calls))


@_fault
def held_calls_go_on(world: World) -> None:
    """All that waited happens."""
    world.parts.machine.held.clear()


@_fault
def device_stops_reading(world: World) -> None:
    """A device takes nothing from its socket, though the socket stays open and much is said."""
    device = world.random.choice(world.devices)
    if device.link is not None:
        device.link.wire.stop_reading()
        others = [one for one in world.devices if one.user_id != device.user_id]
        for _ in range(_SAID_TO_THE_SLOW):
            world.write(world.random.choice(others), device.user_id)


@_fault
def devices_read_again(world: World) -> None:
    """All take again what waits for them."""
    world.read_on()


@_fault
def tokens_end_soon(world: World) -> None:
    """From now on tokens are good for seconds, or minutes."""
    world.token_seconds = world.random.choice((5, 20, 200))


@_fault
def token_is_renewed(world: World) -> None:
    """A device sends a fresh token before, or after, the old one has ended."""
    device = world.random.choice(world.devices)
    if device.online:
        device.tell("token", world.token(device))


@_fault
def token_is_bad(world: World) -> None:
    """A device comes with a token that nobody may believe, or sends one in its session."""
    device = world.random.choice(world.devices)
    now = world.parts.wall_time()
    names = (device.user_id, device.device_id)
    if device.link is None:
        ready = [one for one in world.gateways if one.ready and not one.process.stopped]
        if ready:
            token = Token(world.random.choice(BAD)(*names, now), 0.0)
            device.connect(world.random.choice(ready), token, by_hello=world.random.random() < 0.5)
            world.judge(device, token)
    elif device.online:
        other = world.random.choice([one for one in world.devices if one is not device])
        texts = [make(*names, now) for make in BAD] + [world.token(other).text]
        device.tell("token", Token(world.random.choice(texts), 0.0))


@_fault
def connection_lost(world: World) -> None:
    """A device and its gateway see the end of their connection; what was on its way is lost."""
    device = world.random.choice(world.devices)
    if device.link is not None:
        device.link.gateway.cut(device.link.socket)
        device.disconnect()


@_fault
def connection_half_open(world: World) -> None:
    """The device sees it and connects again; its gateway does not, for long."""
    device = world.random.choice(world.devices)
    if device.link is not None:
        device.disconnect()


@_fault
def gateway_sees_the_end(world: World) -> None:
    """A gateway sees at last that devices are gone."""
    for gateway in world.gateways:
        linked = {id(one.link.socket) for one in world.devices if one.link is not None}
        for socket, _ in list(gateway.sockets):
            if id(socket) not in linked:
                gateway.cut(socket)


@_fault
def device_crashes(world: World) -> None:
    """The process of a device ends; what it stored is left."""
    device = world.random.choice(world.devices)
    link = device.link
    device.crash()
    if link is not None:
        link.gateway.cut(link.socket)


@_fault
def frame_comes_twice(world: World) -> None:
    """A device takes the next frame twice."""
    device = world.random.choice(world.devices)
    if device.online and device.link is not None and device.link.wire.down:
        device.take(device.link.wire.down[0], world.now_ms())


@_fault
def broker_clock_steps(world: World) -> None:
    """The broker's clock is set forward or back."""
    world.broker_shift_ms = world.random.randint(-_CLOCK_SHIFT_MS_MAX, _CLOCK_SHIFT_MS_MAX)


@_fault
def long_pause(world: World) -> None:
    """Nobody does anything for minutes, perhaps for longer than ids are remembered."""
    if not world.parts.machine.calls:  # somebody who waits would have given up
        world.parts.loop.now += world.random.choice((3, 8, 16)) * 60.0


@_fault
def poison(world: World) -> None:
    """Bytes that are no event, in the submissions or among the facts."""
    topic = world.random.choice((SUBMISSIONS.name, CONVERSATIONS.name))
    partition = world.random.randrange(SUBMISSIONS.partitions)
    value = world.random.choice((b"nonsense", b"", b"\x00\x00\x00\x00\x01\xff", None))
    offset = world.parts.log.append((topic, partition), b"poison", value)
    world.poison.append((topic, partition, offset))


@_fault
def record_appended_twice(world: World) -> None:
    """A broker's retry that the producer's idempotence did not catch (librdkafka issue 4953)."""
    place = (SUBMISSIONS.name, world.random.randrange(SUBMISSIONS.partitions))
    if records := world.parts.log.partitions[place]:
        last = records[-1]
        if abs(world.broker_ms() - last.time) < _RETRY_MS_MAX:
            world.parts.log.append(place, last.key(), last.value())


@_fault
def stranger_speaks(world: World) -> None:
    """A device sends to, and marks, a conversation of others, and marks what nobody wrote yet."""
    device = world.random.choice(world.devices)
    if device.link is None or not device.online:
        return
    one, other = (user for user in ("ann", "bob", "cat") if user != device.user_id)
    conversation_id = f"d:{one}:{other}"
    world.written += 1
    own = f"d:{':'.join(sorted((device.user_id, one)))}"
    for frame in (
        {
            "type": "send",
            "id": str(UUID(int=world.written)),
            "conversation_id": conversation_id,
            "body": f"stranger {world.written}",
        },
        {"type": "read", "conversation_id": conversation_id, "seq": 1},
        {"type": "read", "conversation_id": own, "seq": 1_000_000},
    ):
        device.link.up.append(text_frame(json.dumps(frame).encode()))


@_fault
def hostile_records(world: World) -> None:
    """Whole events of any contents, where only gateways should write, at any partition."""
    for _ in range(4):
        topic = world.random.choice((SUBMISSIONS, SESSIONS, GATEWAYS, QUERIES))
        event = anything(world.random, world.random.choice(topic.events))
        try:
            value = CODEC.encode(event)
        except EncodeError:
            continue
        place = (topic.name, world.random.randrange(topic.partitions))
        world.hostile.add((place, world.parts.log.append(place, b"hostile", value)))
