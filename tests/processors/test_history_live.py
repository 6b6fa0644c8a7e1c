"""History, receipts and queries on the real stack: rows equal the log, pages wait no longer than
they must, and nobody's flood starves another."""

import asyncio
import dataclasses
import time
import uuid
from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

from events.ids import direct_conversation
from events.queries import WAITING_MAX, HistoryRequested, InboxRequested
from events.topics import QUERIES, RECEIPTS, partition_of
from infra.settings import load
from infra.stack.stack import Stack
from processors.context import Context
from processors.queries import Desk
from processors.reader import WAIT_SECONDS, Reader
from projections.pipe import pack
from projections.receipts.store import ReceiptStore
from projections.routing.store import RoutingStore
from replay.verify import Settings as ReplaySettings
from replay.verify import verify
from tests.examples import ANN, NOON, PHONE
from tests.live import until
from tests.processors.read_models import WORKER, Gateway, Writer, context_of, running_worker
from tests.projections.facts import moved, rejected, sent


@pytest.fixture(scope="module")
def workers(stack: Stack) -> Iterator[Stack]:
    with running_worker(stack) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(workers: Stack) -> Gateway:
    return Gateway.new(workers)


@pytest.fixture
async def context(workers: Stack) -> AsyncIterator[Context]:
    async with context_of(workers) as context:
        yield context


@pytest.fixture
def writer(context: Context) -> Writer:
    return Writer(context.publisher)


@pytest.fixture
def replay(workers: Stack) -> ReplaySettings:
    return load(ReplaySettings, workers.environment())


@pytest.fixture
def bob() -> str:
    return f"bob-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def conversation(bob: str) -> str:
    return direct_conversation(ANN, bob)


def asking(gateway: Gateway, user: str, **fields: object) -> dict[str, object]:
    return {
        "request_id": uuid.uuid4().hex,
        "user_id": user,
        "device_id": PHONE,
        "gateway_id": gateway.gateway_id,
        "gateway_epoch": gateway.gateway_epoch,
        "session_id": 1,
        "limit": 100,
        **fields,
    }


def page_asked(
    gateway: Gateway, user: str, conversation: str, **fields: object
) -> HistoryRequested:
    asked = asking(gateway, user, conversation_id=conversation, **fields)
    return HistoryRequested(**asked)  # type: ignore[arg-type]


def inbox_asked(gateway: Gateway, user: str) -> InboxRequested:
    return InboxRequested(**asking(gateway, user, limit=50))  # type: ignore[arg-type]


async def head_is(context: Context, conversation: str, seq: int) -> None:
    """Fan-out has recorded this head."""
    routing = RoutingStore(context.redis_pipe)
    await routing.record_and_find({conversation: seq}, {}, (), [])


async def settled(receipts: ReceiptStore, marker: tuple[str, str, str]) -> None:
    """The receipts worker has written this marker."""
    async with asyncio.timeout(60):
        while not await receipts.cells(marker):  # noqa: ASYNC110 - only asking tells
            await asyncio.sleep(0.1)


def seqs(page: bytes) -> list[int]:
    return [event["seq"] for event in msgspec.json.decode(page)["events"]]


# Rows


async def test_rows_equal_the_log_also_with_an_old_writer_and_refusals_in_it(
    context: Context, writer: Writer, replay: ReplaySettings, conversation: str
) -> None:
    partition = partition_of(conversation)
    old = await writer.claim(partition)
    await writer.put(*(sent(seq, conversation_id=conversation) for seq in range(1, 151)))
    new = await writer.claim(partition)
    zombies = [sent(seq, conversation_id=conversation, body="zombie") for seq in (151, 152)]
    await writer.put(*zombies, epoch=old)
    refused = rejected(1)
    await writer.put(  # a refusal and facts of the new writer, among those of the old
        msgspec.structs.replace(refused, conversation_id=conversation),  # type: ignore[arg-type]
        *(sent(seq, conversation_id=conversation) for seq in range(151, 301)),
        epoch=new,
    )
    await writer.put(*zombies, epoch=old)

    found = await verify("history", replay, conversation_id=conversation)
    assert found.equal, list(found.lines())
    # A row and a place a fact, two senders, one bucket, two members.
    assert found.compared == 300 + 2 + 1 + 2


async def test_a_row_that_was_changed_lost_or_made_up_is_found(
    context: Context, writer: Writer, replay: ReplaySettings, conversation: str
) -> None:
    await writer.put(*(sent(seq, conversation_id=conversation) for seq in range(1, 6)))
    assert (await verify("history", replay, conversation_id=conversation)).equal
    for statement in (
        "UPDATE timeline SET body = 'other' WHERE conversation_id = %s AND bucket = 0 AND seq = 2",
        "DELETE FROM timeline WHERE conversation_id = %s AND bucket = 0 AND seq = 3",
    ):
        # Driver time stamps are later than any position, as a person's repair would be.
        await asyncio.to_thread(context.cassandra.execute, statement, (conversation,))
    await asyncio.to_thread(
        context.cassandra.execute,
        "UPDATE timeline USING TIMESTAMP 1 SET body = 'made up', sent_at = 1"
        " WHERE conversation_id = %s AND bucket = 0 AND seq = 9",
        (conversation,),
    )
    found = await verify("history", replay, conversation_id=conversation)
    assert [cell.key[-1] for cell in found.missing] == [3]
    assert [cell.key[-1] for cell in found.unexpected] == [9]
    assert [log.key[-1] for log, _ in found.differing] == [2]


async def test_the_whole_of_history_and_receipts_can_be_verified(
    context: Context, writer: Writer, replay: ReplaySettings, conversation: str, bob: str
) -> None:
    await writer.put(sent(1, conversation_id=conversation))
    for read in (False, True):
        for seq in (1, 2):
            move = moved(seq, read=read, user_id=bob, conversation_id=conversation)
            await context.publisher.publish(RECEIPTS, move, key=conversation)
    receipts = await verify("receipts", replay)
    assert receipts.equal, list(receipts.lines())
    assert receipts.compared >= 4
    history = await verify("history", replay)
    # The test above has left its traces in another conversation.
    traces = [*history.missing, *history.unexpected, *(log for log, _ in history.differing)]
    assert not [cell for cell in traces if conversation in cell.key]

    reached = await ReceiptStore(context.database).reached(conversation, bob, "read", 2)
    assert reached is not None
    assert reached.moved_at == NOON + 20


# Pages


async def test_a_page_is_asked_and_answered_over_the_log(
    context: Context, writer: Writer, gateway: Gateway, conversation: str
) -> None:
    await writer.put(*(sent(seq, conversation_id=conversation) for seq in range(1, 131)))
    await head_is(context, conversation, 130)
    request = page_asked(gateway, ANN, conversation, after_seq=20, up_to_seq=130)
    await context.publisher.publish(QUERIES, request, key=ANN)

    def answer() -> dict[str, object] | None:
        answers = {frame["id"]: frame for frame in gateway.frames(1)}
        return answers.get(request.request_id)

    page = await until(answer, what="a page")
    assert isinstance(page, dict)
    assert (page["type"], page["next"]) == ("page", 120)
    assert [event["seq"] for event in page["events"]] == list(range(21, 121))
    assert page["events"][0]["body"] == "message 21"


async def test_a_page_waits_until_history_holds_what_was_said(
    context: Context, writer: Writer, gateway: Gateway, conversation: str
) -> None:
    reader = Reader(context)
    await writer.put(sent(1, conversation_id=conversation))
    await head_is(context, conversation, 1)
    assert seqs(await reader.history(page_asked(gateway, ANN, conversation, after_seq=0))) == [1]

    gateway.stack.pause(WORKER)
    try:
        await writer.put(*(sent(seq, conversation_id=conversation) for seq in (2, 3)))
        await head_is(context, conversation, 3)
        asked = page_asked(gateway, ANN, conversation, after_seq=1, up_to_seq=3)
        waiting = asyncio.create_task(reader.history(asked))
        await asyncio.sleep(0.3)
        assert not waiting.done()
    finally:
        gateway.stack.resume(WORKER)
    assert seqs(await waiting) == [2, 3]


async def test_a_hostile_bound_makes_nobody_wait(
    context: Context, writer: Writer, gateway: Gateway, conversation: str
) -> None:
    reader = Reader(context)
    await writer.put(*(sent(seq, conversation_id=conversation) for seq in (1, 2)))
    await head_is(context, conversation, 2)
    await reader.history(page_asked(gateway, ANN, conversation, after_seq=0, up_to_seq=2))
    started_at = time.monotonic()
    for fields in (
        {"after_seq": 0, "up_to_seq": 2**40},
        {"before_seq": 2**40},
        {"after_seq": 2**40},
        {"after_seq": 2, "up_to_seq": 2**40},
    ):
        await reader.history(page_asked(gateway, ANN, conversation, **fields))
    assert time.monotonic() - started_at < WAIT_SECONDS


@pytest.mark.parametrize("named", ["d:bob:eve", "d:eve:bob", "nothing", "d:ann"])
async def test_who_is_no_member_learns_nothing_of_a_conversation(
    context: Context, gateway: Gateway, named: str
) -> None:
    answer = await Reader(context).history(page_asked(gateway, ANN, named, after_seq=0))
    frame = msgspec.json.decode(answer)
    assert (frame["type"], frame["code"]) == ("error", "forbidden")
    assert named not in frame["detail"]


async def test_while_cassandra_is_silent_the_answer_is_unavailable_and_retry(
    context: Context, writer: Writer, gateway: Gateway, conversation: str
) -> None:
    await writer.put(sent(1, conversation_id=conversation))
    await head_is(context, conversation, 1)
    desk = Desk(context)
    own = dataclasses.replace(Gateway.new(gateway.stack))
    await desk.take([page_asked(own, ANN, conversation, after_seq=0)])
    await until(lambda: own.frames(1), what="a page")
    await asyncio.to_thread(gateway.stack.pause, "cassandra")
    try:
        await desk.take([page_asked(own, ANN, conversation, after_seq=0)])
        assert not own.frames(1)[1:], "it held up the next batch until there was an answer"
        frame = (await until(lambda: own.frames(1)[1:], what="an answer"))[0]  # type: ignore[index]
    finally:
        await asyncio.to_thread(gateway.stack.resume, "cassandra")
    assert (frame["code"], frame["retry_after_seconds"]) == ("unavailable", 1.0)


async def test_a_flood_of_one_user_starves_nobody(
    context: Context, writer: Writer, gateway: Gateway, conversation: str, bob: str
) -> None:
    """Every request of Ann's has to wait for history, which stands still; Bob's does not."""
    other = direct_conversation(bob, "eve")
    await writer.put(sent(1, conversation_id=conversation), sent(1, conversation_id=other))
    for one, seq in ((conversation, 1), (other, 1)):
        await head_is(context, one, seq)
    await Reader(context).history(page_asked(gateway, ANN, conversation, after_seq=0))
    await Reader(context).history(page_asked(gateway, bob, other, after_seq=0))
    desk, own = Desk(context), Gateway.new(gateway.stack)
    await head_is(context, conversation, 2)  # Redis is ahead: history will not come
    flood = [
        page_asked(own, ANN, conversation, after_seq=1, up_to_seq=2)
        for _ in range(WAITING_MAX + 20)
    ]
    asked = page_asked(own, bob, other, after_seq=0)
    await desk.take([*flood, asked])

    def answers() -> dict[str, dict[str, object]]:
        return {frame["id"]: frame for frame in own.frames(1)}

    await until(lambda: asked.request_id in answers(), what="Bob's page")
    frames = answers()
    assert frames[asked.request_id]["type"] == "page"
    refused = [frame for frame in frames.values() if frame.get("code") == "rate_limited"]
    assert len(refused) == 20


# The inbox


async def test_the_inbox_shows_the_newest_first_with_unread_and_ticks(
    context: Context, writer: Writer, gateway: Gateway, bob: str
) -> None:
    """Bob talks with three people; from Redis, and again after it lost everything."""
    talks = {name: direct_conversation(bob, f"{name}-{bob}") for name in ("ann", "cid", "eve")}
    for number, (name, conversation) in enumerate(talks.items()):
        for seq in range(1, 6):
            sender = bob if (name, seq) == ("cid", 4) else f"{name}-{bob}"
            fact = sent(
                seq,
                conversation_id=conversation,
                sender_id=sender,
                sent_at=NOON + 1_000 * number + seq,
            )
            await writer.put(fact)
    read = moved(2, read=True, user_id=bob, conversation_id=talks["ann"])
    await context.publisher.publish(RECEIPTS, read, key=talks["ann"])
    await context.redis_pipe.run([pack("FLUSHALL")])
    receipts = ReceiptStore(context.database)
    await settled(receipts, (talks["ann"], bob, "read"))

    reader = Reader(context)
    for _ in range(2):  # restored from Cassandra, then from Redis
        frame = msgspec.json.decode(await reader.inbox(inbox_asked(gateway, bob)))
        shown = {one["conversation_id"]: one for one in frame["conversations"]}
        assert list(shown) == [talks["eve"], talks["cid"], talks["ann"]]
        assert {name: shown[talks[name]]["unread"] for name in talks} == {
            "ann": 3,  # read up to 2 of 5
            "cid": 4,  # answered with 4: to write is not to have read
            "eve": 5,
        }
        assert shown[talks["ann"]]["read"] == 2
        assert shown[talks["ann"]]["newest"]["preview"] == "message 5"
        assert {"user_id": bob, "delivered": 2, "read": 2} in shown[talks["ann"]]["receipts"]
    # A newer read that only Redis holds yet.
    marker = (talks["eve"], bob, "read")
    await RoutingStore(context.redis_pipe).record_and_find({}, {marker: 4}, (), [])
    frame = msgspec.json.decode(await reader.inbox(inbox_asked(gateway, bob)))
    (eve,) = (one for one in frame["conversations"] if one["conversation_id"] == talks["eve"])
    assert (eve["unread"], eve["read"]) == (1, 4)


async def test_who_has_no_conversation_has_an_empty_inbox(
    context: Context, gateway: Gateway, bob: str
) -> None:
    frame = msgspec.json.decode(await Reader(context).inbox(inbox_asked(gateway, bob)))
    assert (frame["type"], frame["conversations"]) == ("inbox", [])
