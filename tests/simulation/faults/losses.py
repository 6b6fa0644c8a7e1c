"""All copies of a partition lose power together: what lay only in their memory is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.topics import CONVERSATIONS, RECEIPTS, SUBMISSIONS
from tests.simulation.faults.registry import fault
from tests.simulation.parts import LOG_GENERATIONS

if TYPE_CHECKING:
    from tests.simulation.world import World

_LOST_MAX = 6


@fault
def submissions_lose_their_end(world: World) -> None:
    """The last submissions of a partition are gone, decided or not; offsets are given again."""
    place = (SUBMISSIONS.name, world.random.randrange(SUBMISSIONS.partitions))
    world.lose(place, world.random.randint(1, _LOST_MAX))
    world.restart_workers()


@fault
def submissions_are_replaced(world: World) -> None:
    """As after the facts were restored into a new cluster: the topic begins anew."""
    for partition in range(SUBMISSIONS.partitions):
        world.lose((SUBMISSIONS.name, partition), 1 << 30)
    world.restart_workers()


@fault
def facts_are_restored_elsewhere(world: World) -> None:
    """Into a new cluster, behind one record more; all other topics begin anew there."""
    if world.parts.log_generation + 1 == LOG_GENERATIONS:
        return
    world.stop_everything()
    log = world.parts.log
    for place in list(log.partitions):
        if place[0] == CONVERSATIONS.name:
            kept = log.partitions[place]
            log.partitions[place] = []
            log.append(place, None, b"a word of the tool that restored it")
            log.partitions[place] += [one._replace(at=one.at + 1) for one in kept]
        elif place[0] != RECEIPTS.name:
            world.lose(place, 1 << 30)
    world.poison = [
        *((topic, partition, at + 1) for topic, partition, at in world.poison),
        *((CONVERSATIONS.name, partition, 0) for partition in range(CONVERSATIONS.partitions)),
    ]
    for group in world.parts.groups.values():
        group.committed.clear()
    world.begin_another_generation()


def facts_lose_their_end(world: World, records: int) -> None:
    """The last facts of each partition are gone. No fault of a run: nobody may go on then."""
    for partition in range(CONVERSATIONS.partitions):
        world.lose((CONVERSATIONS.name, partition), records)
    world.restart_workers()
