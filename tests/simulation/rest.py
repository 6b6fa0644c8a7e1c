"""After the last fault: everyone does what is to be done, until nothing is left.

Devices that do not read, and calls that are held, go on so until everything else has been done.
What was given up happens now, or never.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edge.announcer import ALIVE_SECONDS
from projections.sessions.store import GATEWAY_SECONDS
from tests.simulation.worker import BACK, FRONT

if TYPE_CHECKING:
    from tests.simulation.world import World

SECONDS_AT_ONCE = 1.0

_HEAL_ROUNDS = 1_500
_PATIENT_ROUNDS = 300
_LONG_SECONDS = 1_200.0
"""What passes at once after so many rounds: a message may wait for a time that is far ahead."""
_CALLS_A_ROUND = 2_000
_FINDINGS_MAX = 5
_QUIET_ROUNDS = 4
_SLOW_ROUNDS = 30
"""For so long devices that do not read, and calls that are held, go on so."""
_BOTH_RELEASES_ROUNDS = 8
_FULL_ROUNDS = 20
"""For so long producers have no room now and then, and records are refused."""
_HEARTBEAT_SECONDS = ALIVE_SECONDS + 1.0
"""By the next heartbeat of a gateway at the latest, it is seen that Redis forgot it."""


def come_to_rest(world: World) -> None:
    """Let everything go on until nothing is left to be done."""
    machine = world.parts.machine
    machine.away.clear()
    for call in list(machine.given_up):
        if world.random.random() < 0.5:
            machine.happen_late(call)
    machine.given_up.clear()
    for one in (*world.workers, *world.gateways):
        one.process.stopped = False
    for gateway in list(world.gateways):
        if not gateway.process.alive:
            world.start_gateway(gateway.id)
    paused = any(one.link and one.link.wire.writing_paused for one in world.devices)
    slow_rounds = _SLOW_ROUNDS if machine.held or paused else 0
    if world.news is not None and not world.upgraded:
        _both_releases(world)
        world.upgrade()
    quiet, rests_at = 0, world.parts.loop.now + _HEARTBEAT_SECONDS
    if world.hostile:  # a false start of a gateway is believed until it falls silent
        rests_at += GATEWAY_SECONDS
    is_patient = True
    for number in range(_HEAL_ROUNDS):
        if number > _PATIENT_ROUNDS and is_patient and not machine.calls:
            is_patient = False
            world.parts.loop.now += _LONG_SECONDS
        if number == slow_rounds:
            world.read_on()
            machine.held.clear()
        if number == _FULL_ROUNDS:
            machine.full_chance = machine.refuse_chance = 0.0
        busy = go_on(world)
        if len(world.parts.findings) > _FINDINGS_MAX:
            return
        if any(_restless(world)):
            quiet = 0
        elif not busy and number > max(
            slow_rounds, _FULL_ROUNDS if machine.full_chance or machine.refuse_chance else 0
        ):  # heartbeats of gateways go on for ever
            quiet += 1
            if quiet >= _QUIET_ROUNDS and world.parts.loop.now > rests_at:
                return
    world.parts.findings.append(f"liveness: it never came to rest: {[*_restless(world)]}")


def _both_releases(world: World) -> None:
    """People write while processes of both releases share the groups, and partitions move."""
    for roles in (FRONT, BACK):
        world.start_worker(roles, world.news)
    away = world.parts.machine.away
    if world.random.random() < 0.5:
        away.add("registry")
    for number in range(_BOTH_RELEASES_ROUNDS):
        if number == _BOTH_RELEASES_ROUNDS // 2:
            away.clear()
        if world.random.random() < 0.5:
            world.do("partitions_move")
        world.do("write")
        go_on(world)


def go_on(world: World) -> bool:
    """Everyone does what is to be done; whether anything was."""
    machine, loop = world.parts.machine, world.parts.loop
    busy = False
    for roles in (FRONT, BACK):
        if not any(one.process.alive and one.roles == roles for one in world.workers):
            world.start_worker(roles)
    for device in world.devices:
        world.connect(device)
        link = device.link
        while link is not None and link.up and not link.socket.ended.done():
            world.lift(device)
            busy = True
        loop.settle()
        while device.link is not None and device.link.wire.has_something:
            device.receive(world.now_ms())
            busy = True
        device.wake(world.now_ms())
        device.ask_inbox(world.now_ms())
    for look in list(world.looks()):
        look()
        loop.settle()
    for _ in range(_CALLS_A_ROUND):
        if not (calls := machine.ready()):
            break
        world.happen(world.random.choice(calls))
        loop.settle()
        busy = True
    world.commit_all()
    world.measure()
    if not busy:
        loop.pass_time(SECONDS_AT_ONCE)
        world.visit()
        for device in world.devices:
            device.apply(device.state.tick_clock(world.now_ms()))
    return busy


def _restless(world: World) -> Iterator[str]:
    for one in world.devices:
        if not one.finished:
            yield (
                f"{one.user_id}/{one.device_id} (online {one.online}, unsent {one.state.unsent}, "
                f"caught up {one.state.caught_up}, asks {one.state.refresh.unanswered})"
            )
    for group in world.parts.groups.values():
        yield from (f"{group.name} in {place}" for place in world.unread(group))
