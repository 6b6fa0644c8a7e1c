"""The sessions worker on the real stack: told, replaced, announced again, and Redis emptied."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest

from events.deliveries import AnnouncementRequested, FramesRouted, SessionReplaced
from events.gateways import GatewayAlive, GatewayStarted
from events.ids import direct_conversation
from events.sessions import SessionClosed, SessionOpened
from events.topics import GATEWAYS, SESSIONS
from infra.stack.stack import Stack
from processors.context import Context
from processors.sessions import SessionRegistry
from projections.heads.places import token_of
from projections.heads.store import HeadsStore, Wanted
from projections.pipe import pack
from projections.routing.store import RoutingStore
from projections.sessions.keys import Session
from projections.sessions.store import DeviceOpened, GatewayHeard
from tests.examples import PHONE
from tests.live import until
from tests.processors.read_models import WORKER, Gateway, Writer, context_of, running_worker
from tests.projections.facts import sent

WORD = "0123456789abcdef"


@pytest.fixture(scope="module")
def workers(stack: Stack) -> Iterator[Stack]:
    with running_worker(stack) as running:
        yield running


@pytest.fixture
async def context(workers: Stack) -> AsyncIterator[Context]:
    async with context_of(workers) as context:
        yield context


@pytest.fixture
def gateway(workers: Stack) -> Gateway:
    return Gateway.new(workers)


@pytest.fixture
def ann() -> str:
    return f"ann-{uuid.uuid4().hex[:8]}"


def opened(gateway: Gateway, user: str, session_id: int) -> SessionOpened:
    return SessionOpened(
        user_id=user,
        device_id=PHONE,
        gateway_id=gateway.gateway_id,
        gateway_epoch=gateway.gateway_epoch,
        session_id=session_id,
    )


def assert_all(told: dict[str, Any], heads: dict[str, int]) -> None:
    """A device was told all of its heads, and how to ask for changes later."""
    assert (told["type"], told["heads"], told["more"], told["next"]) == (
        "heads",
        heads,
        False,
        None,
    )
    assert token_of(told["token"]) is not None


async def start(context: Context, gateway: Gateway) -> None:
    event = GatewayStarted(gateway_id=gateway.gateway_id, gateway_epoch=gateway.gateway_epoch)
    await context.publisher.publish(GATEWAYS, event, key=gateway.gateway_id)


async def open_session(context: Context, gateway: Gateway, user: str, session_id: int) -> None:
    event = opened(gateway, user, session_id)
    await context.publisher.publish(SESSIONS, event, key=user)


async def put_facts(context: Context, ann: str, count: int = 3) -> dict[str, int]:
    """Ann talks with two people; the heads that she must be told."""
    one, other = direct_conversation(ann, "bob"), direct_conversation(ann, "eve")
    writer = Writer(context.publisher)
    await writer.put(*(sent(seq, conversation_id=one) for seq in range(1, count + 1)))
    await writer.put(sent(1, conversation_id=other))
    return {one: count, other: 1}


async def test_a_gateway_that_starts_is_asked_to_announce_and_its_devices_are_told(
    context: Context, gateway: Gateway, ann: str
) -> None:
    """Redis knows nothing of Ann: heads come from Cassandra, once history has caught up."""
    heads = await put_facts(context, ann)
    await start(context, gateway)
    await until(lambda: gateway.received(), what="an announcement")
    assert gateway.received() == [
        AnnouncementRequested(gateway_id=gateway.gateway_id, gateway_epoch="e1")
    ]
    await open_session(context, gateway, ann, 5)
    (told,) = await until(lambda: gateway.frames(5), what="heads")  # type: ignore[misc]
    assert_all(told, heads)
    (found,) = await HeadsStore(context.redis_pipe).recent([Wanted(ann, 5)], WORD)
    assert found.mark is not None
    assert {one for one, _ in found.changes} == heads.keys()


async def test_a_session_of_a_gateway_that_is_not_alive_is_told_when_it_announces(
    context: Context, gateway: Gateway, ann: str
) -> None:
    """The topics of sessions and gateways have no order between them."""
    await open_session(context, gateway, ann, 5)
    await asyncio.sleep(1)
    assert gateway.received() == []
    await start(context, gateway)
    await until(lambda: gateway.received(), what="an announcement")
    await open_session(context, gateway, ann, 5)
    (told,) = await until(lambda: gateway.frames(5), what="heads")  # type: ignore[misc]
    assert_all(told, {})


async def test_a_newer_session_replaces_the_older_which_is_told(
    context: Context, gateway: Gateway, ann: str
) -> None:
    await start(context, gateway)
    await open_session(context, gateway, ann, 5)
    await until(lambda: gateway.frames(5), what="heads")
    other = Gateway.new(gateway.stack)
    await start(context, other)
    await open_session(context, other, ann, 6)
    await until(lambda: other.frames(6), what="heads")
    assert gateway.received()[-1] == SessionReplaced(
        gateway_id=gateway.gateway_id, gateway_epoch="e1", session_id=5
    )
    # The old gateway's late close ends nothing.
    close = SessionClosed(
        user_id=ann,
        device_id=PHONE,
        gateway_id=gateway.gateway_id,
        gateway_epoch="e1",
        session_id=5,
    )
    await context.publisher.publish(SESSIONS, close, key=ann)
    await open_session(context, gateway, "someone-" + ann, 7)
    await until(lambda: gateway.frames(7), what="heads")
    found = await RoutingStore(context.redis_pipe).record_and_find({}, {}, (), [ann])
    assert found == {ann: [Session(PHONE, other.gateway_id, "e1", 6)]}


async def test_after_redis_lost_everything_gateways_announce_and_all_is_restored(
    context: Context, gateway: Gateway, ann: str
) -> None:
    heads = await put_facts(context, ann)
    await start(context, gateway)
    await open_session(context, gateway, ann, 5)
    await until(lambda: gateway.frames(5), what="heads")
    await context.redis_pipe.run([pack("FLUSHALL")])

    alive = GatewayAlive(gateway_id=gateway.gateway_id, gateway_epoch="e1", sessions=1)
    await context.publisher.publish(GATEWAYS, alive, key=gateway.gateway_id)
    request = AnnouncementRequested(gateway_id=gateway.gateway_id, gateway_epoch="e1")
    await until(lambda: gateway.received().count(request) == 2, what="an announcement")
    await open_session(context, gateway, ann, 5)
    told = await until(lambda: gateway.frames(5)[1:], what="heads")
    assert_all(told[0], heads)
    found = await RoutingStore(context.redis_pipe).record_and_find({}, {}, (), [ann])
    assert found == {ann: [Session(PHONE, gateway.gateway_id, "e1", 5)]}


async def test_sessions_of_gateways_that_are_long_gone_are_no_trouble(
    context: Context, gateway: Gateway, ann: str
) -> None:
    """Read again after the worker was away: there is not even a topic left."""
    gone = Gateway(gateway.stack, "gateway-gone")
    await start(context, gone)
    await open_session(context, gone, ann, 5)
    await start(context, gateway)
    await open_session(context, gateway, ann, 6)
    (told,) = await until(lambda: gateway.frames(6), what="heads")  # type: ignore[misc]
    assert_all(told, {})


async def test_while_history_is_behind_devices_are_told_in_part_and_later_the_rest(
    context: Context, gateway: Gateway, ann: str
) -> None:
    """The registry used here is another than the worker's, which stands still with history."""
    registry = SessionRegistry(context)
    session = Session(PHONE, gateway.gateway_id, "e1", 5)
    gateway.stack.pause(WORKER)
    try:
        heads = await put_facts(context, ann)
        await registry.take(
            [
                GatewayHeard(gateway.gateway_id, "e1", 1, True),
                DeviceOpened(ann, session, 1),
            ]
        )
        told = await until(lambda: gateway.frames(5), what="heads in part")
        assert told[0] == {"type": "heads", "heads": {}, "more": True, "next": None, "token": None}
        (found,) = await HeadsStore(context.redis_pipe).recent([Wanted(ann, 5)], WORD)
        assert found.mark is None
    finally:
        gateway.stack.resume(WORKER)
    told = await until(lambda: [one for one in gateway.frames(5) if not one["more"]], what="heads")
    assert_all(told[0], heads)


async def test_a_fact_that_races_a_session_is_told_or_delivered(
    context: Context, gateway: Gateway, ann: str
) -> None:
    """First facts of conversations against the registry itself, many times over."""
    registry, heads = SessionRegistry(context), HeadsStore(context.redis_pipe)
    routing = RoutingStore(context.redis_pipe)
    await registry.take([GatewayHeard(gateway.gateway_id, "e1", 1, True)])
    users = [f"{ann}-{number}" for number in range(150)]
    life = await heads.life(WORD)
    for user in users:
        assert await heads.restore_recent(life, user, [])
    delivered: set[int] = set()

    async def record(number: int, user: str) -> None:
        conversation = direct_conversation(user, "bob")
        await asyncio.sleep(number % 30 / 100)
        changed = [(user, conversation)]
        found = await routing.record_and_find({conversation: 1}, {}, changed, [user])
        if found[user]:
            delivered.add(number)

    async def open_one(number: int, user: str) -> None:
        session = Session(PHONE, gateway.gateway_id, "e1", number + 1)
        await asyncio.sleep(number % 20 / 100)
        await registry.take([DeviceOpened(user, session, 1)])

    await asyncio.gather(
        *(act(number, user) for number, user in enumerate(users) for act in (record, open_one))
    )
    told = {
        session_id - 1
        for event in gateway.received()
        if isinstance(event, FramesRouted)
        for routed in event.frames
        if msgspec.json.decode(routed.frame)["heads"]
        for session_id in routed.session_ids
    }
    assert told | delivered == set(range(150))
    assert told - delivered, "the race had one outcome only"
    assert delivered - told, "the race had one outcome only"


async def test_a_mass_connect_takes_few_round_trips(
    context: Context, gateway: Gateway, ann: str
) -> None:
    """Five hundred devices in one batch, each with a conversation known to Redis."""
    registry = SessionRegistry(context)
    users = [f"{ann}-{number}" for number in range(500)]
    heads = {direct_conversation(user, "bob"): 3 for user in users}
    store = HeadsStore(context.redis_pipe)
    life = await store.life(WORD)
    assert await store.restore_heads(life, heads)
    for user in users:
        assert await store.restore_recent(life, user, [direct_conversation(user, "bob")])
    await registry.take([GatewayHeard(gateway.gateway_id, "e1", 1, True)])

    before = await reads_of(context)
    await registry.take(
        [
            DeviceOpened(user, Session(PHONE, gateway.gateway_id, "e1", number + 1), number)
            for number, user in enumerate(users)
        ]
    )
    reads = await reads_of(context) - before
    (told,) = gateway.frames(500)
    assert_all(told, {direct_conversation(users[-1], "bob"): 3})
    # Large pipelines are read in several pieces, but far fewer than there are devices.
    assert reads < 100


async def reads_of(context: Context) -> int:
    """How often Redis has read from a socket."""
    (stats,) = await context.redis_pipe.run([pack("INFO", "stats")])
    fields = dict(line.split(":", 1) for line in stats.splitlines() if ":" in line)
    return int(fields["total_reads_processed"])
