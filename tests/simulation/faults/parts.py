"""Kafka, Cassandra and Redis that are away, forget, answer late or never."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.faults.devices import read_by_itself
from tests.simulation.faults.registry import fault

if TYPE_CHECKING:
    from tests.simulation.world import World


@fault
def redis_loses_everything(world: World) -> None:
    """FLUSHALL."""
    world.parts.redis.lose_everything()


@fault
def redis_forgets_some(world: World) -> None:
    """Keys of conversations and users of whom nothing was heard for long end by themselves."""
    world.parts.redis.forget(world.random)


@fault
def redis_is_saved(world: World) -> None:
    """A save point, or what a replica has before it falls behind."""
    world.parts.redis.save()


@fault
def redis_goes_back(world: World) -> None:
    """Killed and started from its file, or replaced by a replica that was behind."""
    world.parts.redis.go_back()


@fault
def part_goes_away(world: World) -> None:
    """Kafka, Cassandra, Redis or the registry refuses everything for a while."""
    away = world.parts.machine.away
    kafka = {"kafka", "kafka-giving-up"}
    away |= world.random.choice((kafka, {"cassandra"}, {"redis"}, {"registry"}))


@fault
def parts_come_back(world: World) -> None:
    """And is there again."""
    world.parts.machine.away.clear()


@fault
def calls_fail(world: World) -> None:
    """From now on some calls time out, whether they had worked or not."""
    world.fail_chance = 0.15


@fault
def calls_hang(world: World) -> None:
    """From now on some calls are given up by who asked, and happen later, or never."""
    world.hang_chance = 0.15


@fault
def call_is_held(world: World) -> None:
    """One call waits, and whatever else there is goes on."""
    machine = world.parts.machine
    calls = machine.ready()
    if calls := [call for call in calls if call.part == "redis"] or calls:
        machine.held.add(world.random.choice(calls))


@fault
def held_calls_go_on(world: World) -> None:
    """All that waited happens."""
    world.parts.machine.held.clear()


@fault
def queue_to_kafka_fills(world: World) -> None:
    """From now on there is now and then no room for a part of a snapshot."""
    world.parts.machine.full_chance = 0.3


@fault
def kafka_refuses_records(world: World) -> None:
    """From now on many records of gateways are not confirmed, though some of them were written.

    Among them are watermarks of clients that do not repeat them.
    """
    world.parts.machine.refuse_chance = 0.4
    for device in world.devices:
        read_by_itself(world, device)
