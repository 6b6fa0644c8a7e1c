"""Heads, sessions and routing in a real Redis, and in the simulated one."""

import asyncio

import pytest
from redis import exceptions

from infra.redis import RUN, RedisPipe
from infra.stack.stack import Stack
from infra.transient import is_transient
from projections.heads.keys import COMPLETE
from projections.heads.store import HeadsStore
from projections.pipe import Pipe, pack
from projections.routing.store import RoutingStore
from projections.sessions.keys import Held, Session
from projections.sessions.store import (
    GATEWAY_SECONDS,
    DeviceClosed,
    DeviceOpened,
    GatewayHeard,
    SessionStore,
)
from tests.examples import ANN, BOB, CONVERSATION, LAPTOP, NOON, PHONE
from tests.live import redis_of

OTHER = "d:ann:eve"
ANN_PHONE = Session(PHONE, "gateway-1", "e1", 1)
ANN_LAPTOP = Session(LAPTOP, "gateway-2", "e1", 1)
BOB_PHONE = Session(PHONE, "gateway-2", "e1", 2)
STARTED = [GatewayHeard("gateway-1", "e1", 1, True), GatewayHeard("gateway-2", "e1", 2, True)]
OPENED = [
    DeviceOpened(ANN, ANN_PHONE, 11),
    DeviceOpened(ANN, ANN_LAPTOP, 12),
    DeviceOpened(BOB, BOB_PHONE, 13),
]

# Routing


async def test_sessions_of_living_gateways_are_found(any_pipe: Pipe) -> None:
    await SessionStore(any_pipe).apply([*STARTED, *OPENED])
    routing = RoutingStore(any_pipe)
    for _ in range(2):  # the second time its gateways are known
        found = await routing.record_and_find({}, {}, (), [ANN, BOB, "nobody"])
        assert {user: set(sessions) for user, sessions in found.items()} == {
            ANN: {ANN_PHONE, ANN_LAPTOP},
            BOB: {BOB_PHONE},
            "nobody": set(),
        }


async def test_sessions_of_another_epoch_or_a_dead_gateway_are_not_found(any_pipe: Pipe) -> None:
    store, routing = SessionStore(any_pipe), RoutingStore(any_pipe)
    await store.apply([*STARTED, *OPENED])
    await routing.record_and_find({}, {}, (), [ANN])
    await store.apply([GatewayHeard("gateway-1", "e2", 3, True)])
    await any_pipe.run([pack("DEL", "gateway:gateway-2")])
    assert await routing.record_and_find({}, {}, (), [ANN, BOB]) == {ANN: [], BOB: []}
    # Alive again, under the same names.
    await store.apply([GatewayHeard("gateway-2", "e1", 4, False)])
    found = await routing.record_and_find({}, {}, (), [ANN, BOB])
    assert found == {ANN: [ANN_LAPTOP], BOB: [BOB_PHONE]}


async def test_what_is_recorded_only_rises(any_pipe: Pipe) -> None:
    routing, heads = RoutingStore(any_pipe), HeadsStore(any_pipe)
    marker = (CONVERSATION, BOB, "read")
    for seq in (1, 7, 3):
        started = [(ANN, CONVERSATION), (BOB, CONVERSATION)] if seq == 1 else []
        recorded = {CONVERSATION: (seq, NOON + seq)}
        await routing.record_and_find(recorded, {marker: seq}, started, [])
    assert await heads.heads([CONVERSATION, OTHER]) == {CONVERSATION: 7}
    assert await heads.activity([CONVERSATION]) == {CONVERSATION: NOON + 7}
    assert await heads.markers({CONVERSATION: (ANN, BOB)}) == {marker: 7}
    assert await heads.conversations([ANN, "nobody"]) == {ANN: {CONVERSATION}, "nobody": set()}


# Heads that were lost


async def test_what_was_lost_is_put_back_and_lowers_nothing(any_pipe: Pipe) -> None:
    routing, heads = RoutingStore(any_pipe), HeadsStore(any_pipe)
    await routing.record_and_find({CONVERSATION: (9, NOON + 9)}, {}, (), [])
    life = await heads.life("one")
    assert await heads.life("two") == life == "one"
    lost = {CONVERSATION: (5, NOON + 5), OTHER: (4, NOON + 4)}
    assert await heads.restore(life, {ANN: [CONVERSATION, OTHER], BOB: []}, lost)
    assert await heads.heads([CONVERSATION, OTHER]) == {CONVERSATION: 9, OTHER: 4}
    assert await heads.conversations([ANN, BOB]) == {
        ANN: {CONVERSATION, OTHER, COMPLETE},
        BOB: {COMPLETE},
    }


async def test_nothing_is_put_back_into_a_redis_that_was_emptied_meanwhile(
    any_pipe: Pipe,
) -> None:
    heads = HeadsStore(any_pipe)
    life = await heads.life("one")
    await any_pipe.run([pack("FLUSHALL")])
    assert not await heads.restore(life, {ANN: [OTHER]}, {OTHER: (4, NOON)})
    assert await heads.conversations([ANN]) == {ANN: set()}
    assert await heads.heads([OTHER]) == {}
    assert await heads.life("two") == "two"


async def test_thousands_of_conversations_are_put_back(any_pipe: Pipe) -> None:
    heads = HeadsStore(any_pipe)
    many = {f"d:ann:user{number}": (number + 1, NOON) for number in range(2_500)}
    assert await heads.restore(await heads.life("one"), {ANN: many}, many)
    (known,) = (await heads.conversations([ANN])).values()
    assert known == {*many, COMPLETE}
    assert len(await heads.heads(known)) == 2_500


@pytest.mark.parametrize(
    ("conversations", "lost"), [([], True), ([OTHER], False), ([OTHER, CONVERSATION], True)]
)
async def test_a_conversation_that_a_whole_list_lacks_is_not_lost(
    any_pipe: Pipe, conversations: list[str], lost: bool
) -> None:
    heads = HeadsStore(any_pipe)
    if conversations:
        await heads.restore(await heads.life("one"), {ANN: conversations}, {})
    assert await heads.head(CONVERSATION, ANN) == ({}, lost)


# Gateways


async def test_a_gateway_comes_to_life_once_and_ends_by_itself(any_pipe: Pipe) -> None:
    store = SessionStore(any_pipe)
    started = GatewayHeard("gateway-1", "e1", 5, True)
    alive = GatewayHeard("gateway-1", "e1", 6, False)
    assert await store.apply([started, alive]) == [True, False]
    assert await store.epochs(["gateway-1", "gateway-9"]) == {"gateway-1": "e1", "gateway-9": None}
    (left,) = await any_pipe.run([pack("TTL", "gateway:gateway-1")])
    assert 0 < left <= GATEWAY_SECONDS


async def test_a_crash_before_the_gateway_was_asked_lets_the_record_say_so_again(
    any_pipe: Pipe,
) -> None:
    store = SessionStore(any_pipe)
    started = GatewayHeard("gateway-1", "e1", 5, True)
    later = GatewayHeard("gateway-1", "e1", 6, False)
    assert await store.apply([started]) == [True]
    assert await store.apply([later]) == [False]
    assert await store.apply([started, later]) == [True, False]


async def test_old_records_read_again_take_nothing_from_a_newer_epoch(any_pipe: Pipe) -> None:
    store = SessionStore(any_pipe)
    old = [GatewayHeard("gateway-1", "e1", 5, True), GatewayHeard("gateway-1", "e1", 6, False)]
    new = GatewayHeard("gateway-1", "e2", 9, True)
    await store.apply([*old, new])
    assert await store.apply(old) == [False, False]
    assert (await store.epochs(["gateway-1"]))["gateway-1"] == "e2"
    # A process of the old epoch that still lives does not take over either.
    assert await store.apply([GatewayHeard("gateway-1", "e1", 10, False)]) == [False]
    assert (await store.epochs(["gateway-1"]))["gateway-1"] == "e2"


async def test_a_gateway_that_was_forgotten_comes_to_life_again(any_pipe: Pipe) -> None:
    store = SessionStore(any_pipe)
    await store.apply([GatewayHeard("gateway-1", "e1", 5, True)])
    await any_pipe.run([pack("FLUSHALL")])
    alive = [GatewayHeard("gateway-1", "e1", offset, False) for offset in (6, 7)]
    assert await store.apply(alive) == [True, False]


# Devices


async def test_a_session_read_again_does_not_take_the_place_of_a_newer_one(
    any_pipe: Pipe,
) -> None:
    store = SessionStore(any_pipe)
    newer = ANN_PHONE._replace(gateway_id="gateway-2", session_id=8)
    assert await store.apply([DeviceOpened(ANN, ANN_PHONE, 11), DeviceOpened(ANN, newer, 20)]) == [
        True,
        True,
    ]
    assert await store.apply([DeviceOpened(ANN, ANN_PHONE, 11)]) == [False]
    assert await store.apply([DeviceOpened(ANN, newer, 20)]) == [True]
    assert await store.held([(ANN, PHONE), (ANN, LAPTOP)]) == {(ANN, PHONE): Held(newer, 20)}


async def test_a_late_close_ends_only_its_own_session(any_pipe: Pipe) -> None:
    store = SessionStore(any_pipe)
    later = ANN_PHONE._replace(session_id=12)
    await store.apply([DeviceOpened(ANN, later, 20)])
    # Session 1 is no prefix of session 12.
    assert await store.apply([DeviceClosed(ANN, ANN_PHONE)]) == [False]
    assert await store.apply([DeviceClosed(ANN, later)]) == [True]
    assert await store.held([(ANN, PHONE)]) == {}


# The connection


async def test_who_is_owed_is_known_to_all_until_it_is_paid(any_pipe: Pipe) -> None:
    here, there = SessionStore(any_pipe), SessionStore(any_pipe)
    owed = {
        (ANN, PHONE): Session(PHONE, "gateway-1", "epoch", 1),
        (BOB, PHONE): Session(PHONE, "gateway-2", "epoch", 7),
    }
    assert await there.owed(10) == {}
    await here.owe(owed)
    await here.owe(owed)
    assert await there.owed(10) == owed
    assert len(await there.owed(1)) == 1
    await there.pay({(ANN, PHONE): owed[ANN, PHONE]})
    assert await here.owed(10) == {(BOB, PHONE): owed[BOB, PHONE]}


async def test_what_was_written_in_another_run_of_the_server_is_gone(
    stack: Stack, pipe: RedisPipe
) -> None:
    """As after a start from a file, or when a replica that was behind is promoted."""
    routing = RoutingStore(pipe)
    await SessionStore(pipe).apply([*STARTED, *OPENED])
    await routing.record_and_find({CONVERSATION: (9, NOON)}, {}, (), [])
    again = RedisPipe(redis_of(stack), timeout_seconds=5)
    assert await HeadsStore(again).heads([CONVERSATION]) == {CONVERSATION: 9}, "the same run"
    await again.close()
    await again.run([pack("SET", RUN, "another")])
    with pytest.raises(exceptions.ConnectionError) as caught:  # an open connection sees it
        await pipe.run([pack("PING")])
    assert is_transient(caught.value)
    assert await pipe.run([pack("DBSIZE")]) == [1], "only the name of this run is left"
    assert await HeadsStore(pipe).heads([CONVERSATION]) == {}
    await again.close()


async def test_a_redis_that_was_emptied_is_named_again_and_not_emptied_twice(
    stack: Stack, pipe: RedisPipe
) -> None:
    await pipe.run([pack("FLUSHALL")])
    await RoutingStore(pipe).record_and_find({CONVERSATION: (9, NOON)}, {}, (), [])
    later = RedisPipe(redis_of(stack), timeout_seconds=5)
    assert await HeadsStore(later).heads([CONVERSATION]) == {CONVERSATION: 9}
    await later.close()


async def test_an_error_of_one_command_fails_the_whole_and_leaves_the_connection_usable(
    pipe: RedisPipe,
) -> None:
    await pipe.run([pack("SET", "word", "a")])
    with pytest.raises(exceptions.ResponseError, match="WRONGTYPE") as caught:
        await pipe.run([pack("GET", "word"), pack("SADD", "word", "b"), pack("GET", "word")])
    assert not is_transient(caught.value)
    assert await pipe.run([pack("GET", "word")]) == ["a"]


async def test_callers_side_by_side_get_their_own_replies(pipe: RedisPipe) -> None:
    async def echo(number: int) -> None:
        words = [f"{number}-{one}" for one in range(number % 7 + 1)]
        assert await pipe.run([pack("ECHO", word) for word in words]) == words

    await asyncio.gather(*map(echo, range(200)))


async def test_a_redis_that_is_silent_or_gone_fails_in_time_and_is_found_again(
    stack: Stack,
) -> None:
    pipe = RedisPipe(redis_of(stack), timeout_seconds=0.3)
    await pipe.run([pack("PING")])
    stack.pause("redis")
    try:
        for _ in range(2):
            with pytest.raises(exceptions.RedisError) as caught:
                await pipe.run([pack("PING")])
            assert is_transient(caught.value)
    finally:
        stack.resume("redis")
    assert await pipe.run([pack("PING")]) == ["PONG"]
    await asyncio.to_thread(stack.kill, "redis")
    try:
        with pytest.raises(exceptions.ConnectionError) as caught_gone:
            await pipe.run([pack("PING")])
        assert is_transient(caught_gone.value)
    finally:
        await asyncio.to_thread(stack.start_part, "redis")
    assert await pipe.run([pack("PING")]) == ["PONG"]
    await pipe.close()
