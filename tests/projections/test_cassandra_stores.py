"""History, inbox and receipts in a real Cassandra, and in the simulated one."""

import random
import uuid

import pytest
from cassandra import InvalidRequest

from events.ids import direct_conversation
from events.members import members_of
from infra.database import Database
from infra.transient import is_transient
from projections.cells import Cell, Key, fold
from projections.database import Database as AnyDatabase
from projections.history import projection as history
from projections.history.projection import BUCKET_SEQS
from projections.history.store import TimelineStore
from projections.inbox import projection as inbox
from projections.inbox.store import InboxStore
from projections.positions import write_time
from projections.receipts import projection as receipts
from projections.receipts.store import ReceiptStore
from tests.examples import ANN, NOON, PHONE
from tests.projections.facts import moved, sent

BORDER = BUCKET_SEQS
SEQS = [*range(1, 8), *range(BORDER - 60, BORDER + 60)]


@pytest.fixture
def conversation() -> str:
    """A conversation of Ann's that no other test uses."""
    return direct_conversation(ANN, f"bob-{uuid.uuid4().hex[:8]}")


def writes(conversation: str, seqs: list[int]) -> list[history.Write]:
    other = next(user for user in members_of(conversation) if user != ANN)
    return [
        write
        for seq in seqs
        for write in history.project(
            sent(seq, conversation_id=conversation, sender_id=ANN if seq % 3 else other),
            write_time(0, seq),
        )
    ]


async def test_repeats_and_shuffles_give_equal_rows(
    any_database: AnyDatabase, conversation: str
) -> None:
    store = TimelineStore(any_database)
    all_writes = writes(conversation, SEQS)
    shuffled = all_writes + random.Random(7).choices(all_writes, k=100)
    random.Random(8).shuffle(shuffled)
    for start in range(0, len(shuffled), 40):
        await store.apply(shuffled[start : start + 40])
    await store.apply(all_writes)

    expected: dict[Key, Cell] = {}
    for write in all_writes:
        fold(expected, history.cells(write))
    live = [*await store.cells(conversation, 0), *await store.cells(conversation, 1)]
    live += await store.bucket_cells(conversation)
    assert {cell.key: cell for cell in live} == expected


async def test_an_older_record_never_changes_what_a_newer_one_wrote(
    any_database: AnyDatabase, conversation: str
) -> None:
    store = TimelineStore(any_database)
    newer = sent(1, conversation_id=conversation, body="newer")
    older = sent(1, conversation_id=conversation, body="older")
    await store.apply(history.project(newer, write_time(1, 0)))
    await store.apply(history.project(older, write_time(0, 500)))
    (row,) = await store.after(conversation, 0, until=1, limit=9, body_bytes=10_000)
    assert (row.body, row.position) == ("newer", write_time(1, 0))


async def test_pages_run_both_ways_over_the_border_of_a_bucket(
    any_database: AnyDatabase, conversation: str
) -> None:
    store = TimelineStore(any_database)
    await store.apply(writes(conversation, SEQS))
    rows = await store.after(
        conversation, BORDER - 6, until=BORDER + 59, limit=10, body_bytes=10_000
    )
    assert [row.seq for row in rows] == list(range(BORDER - 5, BORDER + 5))
    rows = await store.before(conversation, BORDER + 5, limit=10, body_bytes=10_000)
    assert [row.seq for row in rows] == list(range(BORDER + 4, BORDER - 6, -1))
    # More than one read, and the whole page in one direction is the other reversed.
    rising = await store.after(
        conversation, BORDER - 60, until=BORDER + 59, limit=100, body_bytes=100_000
    )
    falling = await store.before(conversation, BORDER + 41, limit=100, body_bytes=100_000)
    assert rising == falling[::-1]
    assert len(rising) == 100


async def test_reading_stops_when_the_bodies_are_enough(
    any_database: AnyDatabase, conversation: str
) -> None:
    store = TimelineStore(any_database)
    large = [
        write
        for seq in range(1, 101)
        for write in history.project(
            sent(seq, conversation_id=conversation, body="x" * 10_000), write_time(0, seq)
        )
    ]
    await store.apply(large)
    rows = await store.after(conversation, 0, until=100, limit=100, body_bytes=262_144)
    assert len(rows) < 100
    assert sum(len(row.body) for row in rows) >= 262_144


async def test_a_body_of_64_kib_is_written_in_a_batch_with_others(
    any_database: AnyDatabase, conversation: str
) -> None:
    store = TimelineStore(any_database)
    mixed = [
        write
        for seq in range(1, 30)
        for write in history.project(
            sent(seq, conversation_id=conversation, body="é" * (32_768 if seq % 4 else 3)),
            write_time(0, seq),
        )
    ]
    await store.apply(mixed)
    rows = await store.after(conversation, 0, until=29, limit=100, body_bytes=2**31)
    assert [len(row.body) for row in rows] == [32_768 if seq % 4 else 3 for seq in range(1, 30)]


async def test_the_newest_row_is_found_without_knowing_how_long_a_conversation_is(
    any_database: AnyDatabase, conversation: str
) -> None:
    store = TimelineStore(any_database)
    await store.apply(writes(conversation, SEQS))
    buckets = await store.newest_buckets([conversation, "d:nobody:nowhere"])
    assert buckets == {conversation: 1}
    newest = (await store.newest(buckets, ANN))[conversation]
    assert newest.row.seq == SEQS[-1]
    assert newest.own_seq == max(seq for seq in SEQS if seq % 3)


async def test_ones_own_newest_message_is_found_in_an_older_bucket(
    any_database: AnyDatabase, conversation: str
) -> None:
    """Ann is silent in the newest bucket."""
    store = TimelineStore(any_database)
    other = next(user for user in members_of(conversation) if user != ANN)
    await store.apply(writes(conversation, [1, 2, 3]))
    for seq in (BORDER, BORDER + 1):
        fact = sent(seq, conversation_id=conversation, sender_id=other)
        await store.apply(history.project(fact, write_time(0, seq)))
    newest = (await store.newest({conversation: 1}, ANN))[conversation]
    assert newest.own_seq == 0
    assert await store.own_newest(conversation, ANN, 0, newest.row.seq) == 2
    assert await store.number_at(conversation, 2) == 2
    assert await store.number_at(conversation, BORDER - 1) == 3
    assert await store.others_newest(conversation, ANN, 0, newest.row.seq) == BORDER + 1
    assert await store.others_newest(conversation, other, 0, newest.row.seq) == 2
    assert await store.sent_by(conversation, ANN, 0, BORDER + 1) == 2
    assert await store.sent_by(conversation, ANN, 1, 2) == 1
    assert await store.sent_by(conversation, other, 2, BORDER) == 2


async def test_a_conversation_is_listed_for_both_from_its_first_fact(
    any_database: AnyDatabase, conversation: str
) -> None:
    store = InboxStore(any_database)
    first = inbox.project(sent(1, conversation_id=conversation), write_time(0, 5), members_of)
    await store.apply(first)
    await store.apply(first)
    members = members_of(conversation)
    listed = await store.conversations_of([*members, "nobody"])
    assert all(conversation in listed[member] for member in members)
    assert listed["nobody"] == set()
    assert await store.cells(members[0], conversation) == inbox.cells(first[0])


async def test_markers_are_the_highest_moves_and_every_move_keeps_its_time(
    any_database: AnyDatabase, conversation: str
) -> None:
    store = ReceiptStore(any_database)
    bob = next(user for user in members_of(conversation) if user != ANN)
    moves = [
        moved(seq, read=read, user_id=bob, conversation_id=conversation)
        for seq in (3, 9, 6)
        for read in (False, True)
        if not (read and seq == 9)
    ]
    rows = [row for n, move in enumerate(moves) for row in receipts.project(move, write_time(0, n))]
    await store.apply(rows[::-1])
    await store.apply(rows)

    assert await store.markers({conversation: (ANN, bob)}) == {
        (conversation, bob, "delivered"): 9,
        (conversation, bob, "read"): 6,
    }
    reached = await store.reached(conversation, bob, "read", 4)
    assert reached is not None
    assert (reached.seq, reached.moved_at, reached.device_id) == (6, NOON + 60, PHONE)
    assert await store.reached(conversation, bob, "read", 7) is None
    assert len(await store.cells((conversation, bob, "delivered"))) == 3


async def test_a_statement_that_cassandra_refuses_is_an_error_not_a_wait(
    database: Database,
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await database.read("SELECT nothing FROM nowhere")
    assert not is_transient(caught.value)
