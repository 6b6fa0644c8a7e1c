"""Heads, sessions and routing in a real Redis, and in the simulated one."""

import asyncio

import pytest
from redis import exceptions
from redis.asyncio import Redis

from infra.redis import LAYOUT, RUN, RedisPipe
from infra.stack.stack import Stack
from infra.transient import is_transient
from projections.heads.keys import KEPT_SECONDS, LIFE
from projections.heads.places import Cursor, Token
from projections.heads.store import HeadsStore, Recent, Wanted
from projections.pipe import Pipe, pack
from projections.routing.store import RoutingStore
from projections.sessions.keys import Held, Session
from projections.sessions.store import (
    GATEWAY_SECONDS,
    SESSIONS_SECONDS,
    DeviceClosed,
    DeviceOpened,
    GatewayHeard,
    SessionStore,
)
from tests.examples import ANN, BOB, CONVERSATION, LAPTOP, PHONE
from tests.live import redis_of

OTHER = "d:ann:eve"
WORD = "0123456789abcdef"
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
        changed = [(ANN, CONVERSATION), (BOB, CONVERSATION)]
        await routing.record_and_find({CONVERSATION: seq}, {marker: seq}, changed, [])
    assert await heads.head(CONVERSATION, ANN) == 7
    assert await heads.markers({CONVERSATION: (ANN, BOB)}) == {marker: 7}
    (found,) = await heads.recent([Wanted(ANN, 5)], WORD)
    assert found.changes == [(CONVERSATION, 5)], "a change has its own number for each user"
    assert found.heads == {CONVERSATION: 7}
    assert (found.life, found.mark, found.newest) == (WORD, None, 6)


async def test_what_nobody_writes_to_ends_by_itself(any_pipe: Pipe) -> None:
    routing, heads = RoutingStore(any_pipe), HeadsStore(any_pipe)
    marker = (OTHER, ANN, "read")
    changed = [(ANN, CONVERSATION)]
    await routing.record_and_find({CONVERSATION: 1}, {marker: 1}, changed, [])
    await heads.restore_heads(await heads.life(WORD), {"d:ann:zoe": 3})
    await heads.restore_recent(WORD, BOB, [])
    await SessionStore(any_pipe).apply(OPENED)
    kept = [
        *(f"standing:{one}" for one in (CONVERSATION, OTHER, "d:ann:zoe")),
        *(f"recent:{one}" for one in (ANN, BOB)),
    ]
    for key in kept:
        (left,) = await any_pipe.run([pack("TTL", key)])
        assert KEPT_SECONDS - 60 < left <= KEPT_SECONDS, key
    (left,) = await any_pipe.run([pack("TTL", f"sessions:{ANN}")])
    assert SESSIONS_SECONDS - 60 < left <= SESSIONS_SECONDS


# What changed last


async def recorded(pipe: Pipe, *conversations: str) -> None:
    for one in conversations:
        await RoutingStore(pipe).record_and_find({one: 1}, {}, [(ANN, one)], [])


async def recent(pipe: Pipe, wanted: Wanted) -> Recent:
    (found,) = await HeadsStore(pipe).recent([wanted], WORD)
    return found


async def test_the_newest_changes_come_first_and_a_cursor_goes_on(any_pipe: Pipe) -> None:
    await HeadsStore(any_pipe).life(WORD)
    await HeadsStore(any_pipe).restore_recent(WORD, ANN, [])
    names = [f"d:ann:u{number}" for number in range(7)]
    await recorded(any_pipe, *names, names[0])
    seen: list[str] = []
    cursor = None
    for _ in range(4):
        found = await recent(any_pipe, Wanted(ANN, 2, cursor=cursor))
        assert found.mark == 0
        assert found.newest == 8, "the first page says up to where all of them go"
        some = found.changes[:2]
        seen += [one for one, _ in some]
        if len(found.changes) <= 2:
            break
        cursor = Cursor(found.life, found.mark or 0, some[-1][1], None, found.newest)
        await recorded(any_pipe, "d:ann:later") if len(seen) == 2 else None
    assert seen == [names[0], *reversed(names[1:])]


async def test_a_token_is_told_what_changed_after_it(any_pipe: Pipe) -> None:
    heads = HeadsStore(any_pipe)
    await heads.life(WORD)
    await heads.restore_recent(WORD, ANN, ["d:ann:old", "d:ann:older"])
    token = Token(WORD, (await recent(any_pipe, Wanted(ANN, 5))).newest)
    assert (await recent(any_pipe, Wanted(ANN, 5, token))).changes == []
    await recorded(any_pipe, CONVERSATION)
    found = await recent(any_pipe, Wanted(ANN, 5, token))
    assert [one for one, _ in found.changes] == [CONVERSATION]
    assert found.since == token.change
    everything = {CONVERSATION, "d:ann:old", "d:ann:older"}
    for other in (Token("f" * 16, token.change), None):
        found = await recent(any_pipe, Wanted(ANN, 5, other))
        assert {one for one, _ in found.changes} == everything
        assert found.since is None


async def test_a_token_from_before_an_index_was_restored_is_not_believed(any_pipe: Pipe) -> None:
    heads = HeadsStore(any_pipe)
    await heads.life(WORD)
    await recorded(any_pipe, CONVERSATION)
    await heads.restore_recent(WORD, ANN, [CONVERSATION])
    token = Token(WORD, (await recent(any_pipe, Wanted(ANN, 5))).newest)
    await any_pipe.run([pack("DEL", "recent:ann")])  # it ended by itself
    assert (await recent(any_pipe, Wanted(ANN, 5, token))).mark is None
    await recorded(any_pipe, "d:ann:zoe")  # while nobody looks
    await heads.restore_recent(WORD, ANN, [OTHER, CONVERSATION])
    found = await recent(any_pipe, Wanted(ANN, 5, token))
    assert {one for one, _ in found.changes} == {OTHER, CONVERSATION, "d:ann:zoe"}
    assert found.since is None


async def test_a_cursor_of_another_life_or_index_begins_anew(any_pipe: Pipe) -> None:
    heads = HeadsStore(any_pipe)
    await heads.life(WORD)
    await heads.restore_recent(WORD, ANN, [OTHER, CONVERSATION])
    for life, mark in (("f" * 16, 0), (WORD, 7)):
        cursor = Cursor(life, mark, 2, None, 2)
        found = await recent(any_pipe, Wanted(ANN, 5, cursor=cursor))
        assert [one for one, _ in found.changes] == [CONVERSATION, OTHER]
        assert not found.continues


# Heads that were lost


async def test_what_was_lost_is_put_back_and_lowers_nothing(any_pipe: Pipe) -> None:
    heads = HeadsStore(any_pipe)
    await RoutingStore(any_pipe).record_and_find({CONVERSATION: 9}, {}, [(ANN, CONVERSATION)], [])
    life = await heads.life(WORD)
    assert await heads.life("two") == life == WORD
    assert await heads.restore_heads(life, {CONVERSATION: 5, OTHER: 4})
    assert await heads.restore_recent(life, ANN, [CONVERSATION, OTHER])
    found = await recent(any_pipe, Wanted(ANN, 5))
    assert [one for one, _ in found.changes] == [OTHER, CONVERSATION]
    assert found.heads == {CONVERSATION: 9, OTHER: 4}
    assert found.mark == 1


async def test_nothing_is_put_back_into_a_redis_that_was_emptied_meanwhile(
    any_pipe: Pipe,
) -> None:
    heads = HeadsStore(any_pipe)
    life = await heads.life(WORD)
    await any_pipe.run([pack("FLUSHALL")])
    assert not await heads.restore_heads(life, {OTHER: 4})
    assert not await heads.restore_recent(life, ANN, [OTHER])
    assert await heads.head(OTHER, ANN) is None
    assert await heads.life("two") == "two"


async def test_thousands_of_conversations_are_put_back(any_pipe: Pipe) -> None:
    heads = HeadsStore(any_pipe)
    many = {f"d:ann:user{number}": number + 1 for number in range(2_500)}
    life = await heads.life(WORD)
    assert await heads.restore_heads(life, many)
    assert await heads.restore_recent(life, ANN, list(many))
    found = await recent(any_pipe, Wanted(ANN, 3_000))
    assert found.heads == many
    assert [one for one, _ in found.changes] == list(reversed(many))


@pytest.mark.parametrize(
    ("conversations", "head"), [(None, None), ([OTHER], 0), ([OTHER, CONVERSATION], None)]
)
async def test_a_conversation_that_a_whole_index_lacks_is_not_lost(
    any_pipe: Pipe, conversations: list[str] | None, head: int | None
) -> None:
    heads = HeadsStore(any_pipe)
    if conversations is not None:
        await heads.restore_recent(await heads.life(WORD), ANN, conversations)
    assert await heads.head(CONVERSATION, ANN) == head


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


async def test_devices_of_dead_gateways_are_removed_when_there_are_many(any_pipe: Pipe) -> None:
    store = SessionStore(any_pipe)
    await store.apply([*STARTED, *OPENED])
    gone = [Session(f"gone-{number}", "gateway-9", "e1", number + 1) for number in range(40)]
    await store.apply([DeviceOpened(ANN, one, 20 + one.session_id) for one in gone])
    devices = [(ANN, PHONE), (ANN, LAPTOP), *((ANN, one.device_id) for one in gone)]
    held = await store.held(devices)
    assert {(ANN, PHONE), (ANN, LAPTOP), (ANN, "gone-39")} <= held.keys()
    assert len(held) <= 33


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
    await here.apply([DeviceClosed(BOB, owed[BOB, PHONE])])
    assert await here.owed(10) == {}, "nothing is owed to a session that ended"


async def test_what_was_written_in_another_run_of_the_server_is_gone(
    stack: Stack, pipe: RedisPipe
) -> None:
    """As after a start from a file, or when a replica that was behind is promoted."""
    routing = RoutingStore(pipe)
    await SessionStore(pipe).apply([*STARTED, *OPENED])
    await routing.record_and_find({CONVERSATION: 9}, {}, (), [])
    again = RedisPipe(redis_of(stack), timeout_seconds=5)
    assert await HeadsStore(again).head(CONVERSATION, ANN) == 9, "the same run"
    await again.close()
    await again.run([pack("SET", RUN, "another")])
    with pytest.raises(exceptions.ConnectionError) as caught:  # an open connection sees it
        await pipe.run([pack("PING")])
    assert is_transient(caught.value)
    assert await pipe.run([pack("DBSIZE")]) == [1], "only the name of this run is left"
    assert await HeadsStore(pipe).head(CONVERSATION, ANN) is None
    await again.close()


async def test_what_a_release_with_another_layout_wrote_is_gone(
    stack: Stack, pipe: RedisPipe
) -> None:
    """In the same run of the server: `life` was a word once, and is a hash now."""
    earlier = RedisPipe(redis_of(stack), timeout_seconds=5, layout=LAYOUT - 1)
    await earlier.run([pack("SET", LIFE, "a word")])
    with pytest.raises(exceptions.ConnectionError):  # an open connection sees it
        await pipe.run([pack("PING")])
    await RoutingStore(pipe).record_and_find({CONVERSATION: 9}, {}, [(ANN, CONVERSATION)], [])
    assert await HeadsStore(pipe).head(CONVERSATION, ANN) == 9
    with pytest.raises(exceptions.ConnectionError):
        await earlier.run([pack("PING")])
    await earlier.close()


async def test_what_a_release_without_layouts_wrote_is_gone(stack: Stack, pipe: RedisPipe) -> None:
    (run,) = await pipe.run([pack("GET", RUN)])
    await pipe.run([pack("SET", RUN, run.split("/")[0]), pack("SET", LIFE, "a word")])
    later = RedisPipe(redis_of(stack), timeout_seconds=5)
    assert await later.run([pack("DBSIZE"), pack("TYPE", LIFE)]) == [1, "none"]
    await later.close()


async def test_a_redis_that_was_emptied_is_named_again_and_not_emptied_twice(
    stack: Stack, pipe: RedisPipe
) -> None:
    await pipe.run([pack("FLUSHALL")])
    await RoutingStore(pipe).record_and_find({CONVERSATION: 9}, {}, (), [])
    later = RedisPipe(redis_of(stack), timeout_seconds=5)
    assert await HeadsStore(later).head(CONVERSATION, ANN) == 9
    await later.close()


async def test_a_redis_that_is_full_refuses_writes_and_is_read(
    stack: Stack, pipe: RedisPipe
) -> None:
    """With maxmemory and noeviction; on an open connection and on a new one."""
    await RoutingStore(pipe).record_and_find({CONVERSATION: 9}, {}, (), [])
    await pipe.run([pack("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "1")])
    later = RedisPipe(redis_of(stack), timeout_seconds=5)
    try:
        for one in (pipe, later):
            assert await HeadsStore(one).head(CONVERSATION, ANN) == 9
            with pytest.raises(exceptions.ResponseError, match="OOM") as caught:
                await one.run([pack("GET", "word"), pack("SET", "word", "a")])
            assert is_transient(caught.value)
        async with Redis.from_url(redis_of(stack).url) as redis:
            await redis.delete(RUN)
        with pytest.raises(exceptions.ResponseError, match="OOM") as caught:
            await pipe.run([pack("PING")])  # nothing says of which run the data are
        assert is_transient(caught.value)
    finally:
        await later.close()
        await _without_limit(stack)
    assert await pipe.run([pack("PING")]) == ["PONG"]


async def test_a_server_that_was_made_a_replica_is_not_read(pipe: RedisPipe) -> None:
    """It may take over data that are older, and with them a key `run` that still names it."""
    await pipe.run([pack("SET", "word", "a")])
    await pipe.run([pack("REPLICAOF", "127.0.0.1", "1")])  # nobody is there: the data stay
    try:
        with pytest.raises(exceptions.ResponseError, match="READONLY"):
            await pipe.run([pack("GET", "word")])
    finally:
        with pytest.raises(exceptions.ResponseError):
            await pipe.run([pack("REPLICAOF", "NO", "ONE")])  # carried out, and not believed
    await pipe.run([pack("SET", "word", "b")])


async def _without_limit(stack: Stack) -> None:
    async with Redis.from_url(redis_of(stack).url) as redis:
        await redis.config_set("maxmemory", "512mb")


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
