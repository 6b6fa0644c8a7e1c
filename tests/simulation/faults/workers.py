"""Workers that die, stand still, come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.faults.registry import fault
from tests.simulation.releases import NEWS

if TYPE_CHECKING:
    from tests.simulation.world import World

_UNAWARE_LOOKS_MAX = 12


@fault
def worker_killed(world: World) -> None:
    """SIGKILL between any two steps, and a new process."""
    worker = world.random.choice(world.workers)
    if worker.process.alive:
        worker.kill()
        world.workers.remove(worker)
        world.start_worker(worker.roles)  # type: ignore[arg-type]


@fault
def worker_added(world: World) -> None:
    """One more process for the same roles; partitions move."""
    if len(world.workers) < 4:
        world.start_worker(world.random.choice(world.workers).roles)  # type: ignore[arg-type]


@fault
def newer_release_comes(world: World) -> None:
    """From now on a process that is started may be of a newer release, which has more to say."""
    if world.news is None:
        world.news = world.random.choice(NEWS)
        world.start_worker(world.random.choice(world.workers).roles)  # type: ignore[arg-type]


@fault
def worker_becomes_a_zombie(world: World) -> None:
    """SIGSTOP for so long that others take its partitions; it goes on later, unknowing."""
    worker = world.random.choice(world.workers)
    if worker.process.alive and not worker.process.stopped:
        worker.process.stopped = True
        for consumer in worker.consumers:
            world.parts.group(consumer.group_name).leave(consumer)
        world.start_worker(worker.roles)  # type: ignore[arg-type]


@fault
def two_claim_at_once(world: World) -> None:
    """Admission's partitions go on to two processes in turn; who had them is not told at once."""
    for _ in range(2):
        owners = [
            (worker, consumer)
            for worker in world.workers
            for consumer in worker.consumers
            if worker.process.alive and consumer.group_name == "admission" and not consumer.given_up
        ]
        for _, consumer in owners:
            consumer.unaware_looks = world.random.randint(1, _UNAWARE_LOOKS_MAX)
            world.parts.group("admission").leave(consumer)
        if owners:
            world.start_worker(owners[0][0].roles)  # type: ignore[arg-type]
            for look in world.workers[-1].looks:
                look()
            world.parts.loop.settle()


@fault
def stopped_go_on(world: World) -> None:
    """SIGCONT."""
    for one in (*world.workers, *world.gateways):
        one.process.stopped = False


@fault
def handlers_raise(world: World) -> None:
    """From now on handlers raise now and then: their process ends, or they are tried again."""
    world.parts.trouble_chance = 0.3


@fault
def partitions_move(world: World) -> None:
    """A rebalance for no reason."""
    world.random.choice(list(world.parts.groups.values())).rebalance()
