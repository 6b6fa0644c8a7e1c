"""No hole where sync meets the live stream (I6): whoever comes second sees the other.

A model of the steps of ADR 0005 in every order: fan-out (record the head, read sessions), the
sessions worker (write the session, read the head or restore it), the gateway coming to life,
history falling behind, and Redis losing everything. Then the real stores, raced.
"""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.redis import RedisPipe
from projections.heads.store import HeadsStore, Wanted
from projections.routing.store import RoutingStore
from projections.sessions.keys import Session
from projections.sessions.store import DeviceOpened, GatewayHeard, SessionStore
from tests.examples import BOB, CONVERSATION, PHONE

FACTS = 4


@dataclass
class World:
    """One device, one conversation, one gateway; seqs are the log's offsets plus one."""

    log: int = 0
    history: int = 0
    head: int | None = None
    session: bool = False
    alive: bool = False
    life: int = 0
    delivered: set[int] = field(default_factory=set)
    told: int = 0
    owed: bool = False

    def flush(self) -> None:
        self.head, self.session, self.alive, self.life = None, False, False, self.life + 1


def fan_out(world: World, head_first: bool = True) -> Iterator[None]:
    """Each fact: record its head, then read sessions and deliver."""
    for seq in range(1, FACTS + 1):
        world.log = seq
        yield
        if head_first:
            world.head = max(world.head or 0, seq)
            yield
        receives = world.session and world.alive
        if not head_first:
            yield
            world.head = max(world.head or 0, seq)
        if receives:
            world.delivered.add(seq)
        yield


def keep_history(world: World) -> Iterator[None]:
    while world.history < FACTS:
        if world.history < world.log:
            world.history += 1
        yield


def open_session(world: World, restore_guarded: bool = True) -> Iterator[None]:
    """Write the session; if its gateway is alive, read the head, restored when lost, and answer."""
    world.session = True
    yield
    if not world.alive:
        return
    yield
    while world.head is None:
        life = world.life
        yield
        end = world.log
        while world.history < end:
            yield
        found = world.history
        yield
        if life == world.life or not restore_guarded:
            world.head = max(world.head or 0, found)
    world.told = max(world.told, world.head)
    yield


def live(world: World, announces: bool, restore_guarded: bool = True) -> Iterator[None]:
    """The gateway and its device: opened before the gateway counts as alive, announced after."""
    yield from open_session(world, restore_guarded)
    while True:
        came_to_life, world.alive = not world.alive, True
        yield
        if came_to_life and announces:
            yield from open_session(world, restore_guarded)
        yield


def lose_everything(world: World) -> Iterator[None]:
    for _ in range(2):
        world.flush()
        yield


Schedule = list[tuple[int, int]]
"""Which actor goes on, and for how many steps."""


def run(
    schedule: Schedule,
    *,
    head_first: bool = True,
    announces: bool = True,
    restore_guarded: bool = True,
) -> World:
    """Take the actors' steps in the order of the schedule, then let everything come to rest."""
    world = World()
    actors = [
        fan_out(world, head_first),
        live(world, announces, restore_guarded),
        keep_history(world),
        lose_everything(world),
    ]
    for choice, steps in schedule:
        for _ in range(1 if choice == 3 else steps):
            next(actors[choice], None)
    for _ in range(40):
        for actor in actors[:3]:
            next(actor, None)
    return world


def missed(world: World) -> set[int]:
    return set(range(1, FACTS + 1)) - set(range(1, world.told + 1)) - world.delivered


schedules = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 8)), max_size=12)


@settings(max_examples=300, deadline=None)
@given(schedule=schedules)
def test_every_fact_is_told_or_delivered_in_every_order_of_steps(schedule: Schedule) -> None:
    assert not missed(run(schedule))


@pytest.mark.parametrize(
    "planted",
    [{"head_first": False}, {"announces": False}, {"restore_guarded": False}],
    ids=["head after sessions", "no announcement", "unguarded restore"],
)
def test_the_model_finds_each_planted_mistake(planted: dict[str, bool]) -> None:
    chance = random.Random(5)
    for _ in range(30_000):
        steps = [(chance.randrange(4), chance.randint(1, 8)) for _ in range(chance.randint(2, 12))]
        if missed(run(steps, **planted)):
            return
    pytest.fail("not found")


async def test_the_real_stores_never_miss_each_other(pipe: RedisPipe) -> None:
    """Fan-out and the sessions worker raced for many devices, each with its own conversation."""
    store, heads, routing = SessionStore(pipe), HeadsStore(pipe), RoutingStore(pipe)
    await store.apply([GatewayHeard("gateway-1", "e1", 1, True)])
    seen = {"told": 0, "delivered": 0}

    async def race(number: int) -> None:
        conversation, user = f"{CONVERSATION}{number}", f"{BOB}{number}"
        session = Session(PHONE, "gateway-1", "e1", number + 1)

        async def record() -> bool:
            await asyncio.sleep(number % 5 / 2_000)
            changed = [(user, conversation)]
            found = await routing.record_and_find({conversation: 1}, {}, changed, [user])
            return session in found[user]

        async def open_and_ask() -> bool:
            await asyncio.sleep(number % 3 / 2_000)
            await store.apply([DeviceOpened(user, session, number)])
            (found,) = await heads.recent([Wanted(user, 5)], "0" * 16)
            return found.heads == {conversation: 1}

        delivered, told = await asyncio.gather(record(), open_and_ask())
        assert delivered or told
        seen["told"] += told
        seen["delivered"] += delivered

    await asyncio.gather(*map(race, range(600)))
    assert all(seen.values()), "the race had one outcome only"
