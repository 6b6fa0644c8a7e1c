"""Projections: same log, same cells, however often its records are delivered, and in any order."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from events.members import members_of
from projections.cells import Cell, Key, fold
from projections.history import projection as history
from projections.history.projection import BUCKET_SEQS, BucketStarted
from projections.history.rows import TimelineRow
from projections.inbox import projection as inbox
from projections.inbox.projection import ConversationJoined
from projections.positions import GENERATION_MAX, OFFSET_MAX, offset_of, write_time
from projections.receipts import projection as receipts
from projections.receipts.projection import MarkerMoved
from tests.examples import ANN, BOB, CONVERSATION, NOON, PHONE, message_id
from tests.projections.facts import moved, rejected, sent

Project = Callable[[Struct, int], list[Cell]]


def history_cells(event: Struct, position: int) -> list[Cell]:
    return [cell for write in history.project(event, position) for cell in history.cells(write)]


def inbox_cells(event: Struct, position: int) -> list[Cell]:
    return [
        cell for write in inbox.project(event, position, members_of) for cell in inbox.cells(write)
    ]


def receipt_cells(event: Struct, position: int) -> list[Cell]:
    return [cell for write in receipts.project(event, position) for cell in receipts.cells(write)]


FACTS = [sent(seq) for seq in (1, 2, 3, 4, 5, 6, BUCKET_SEQS - 1, BUCKET_SEQS, BUCKET_SEQS + 1)]
MOVES = [moved(seq, read=seq % 2 == 0) for seq in (1, 2, 3, 4, 4, 7)]
LOGS: list[tuple[Project, Sequence[Struct]]] = [
    (history_cells, [*FACTS, rejected(7)]),
    (inbox_cells, [*FACTS, rejected(7)]),
    (receipt_cells, MOVES),
]


@pytest.mark.parametrize(("project", "log"), LOGS, ids=["history", "inbox", "receipts"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_repeats_and_any_order_leave_the_same_cells(
    project: Project, log: Sequence[Struct], data: st.DataObject
) -> None:
    once: dict[Key, Cell] = {}
    for offset, event in enumerate(log):
        fold(once, project(event, write_time(0, offset)))
    assert once, "the log left nothing"

    offsets = list(range(len(log)))
    repeats = data.draw(st.lists(st.sampled_from(offsets)))
    again: dict[Key, Cell] = {}
    for offset in data.draw(st.permutations(offsets + repeats)):
        fold(again, project(log[offset], write_time(0, offset)))
    assert again == once


@given(
    st.tuples(st.integers(0, GENERATION_MAX), st.integers(0, OFFSET_MAX)),
    st.tuples(st.integers(0, GENERATION_MAX), st.integers(0, OFFSET_MAX)),
)
def test_a_write_time_rises_with_generation_and_offset(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    assert (write_time(*one) < write_time(*other)) == (one < other)
    assert 0 < write_time(*one) < 2**63
    assert offset_of(write_time(*one)) == one[1]


@pytest.mark.parametrize("place", [(-1, 0), (0, -1), (GENERATION_MAX + 1, 0), (0, OFFSET_MAX + 1)])
def test_what_is_no_place_in_a_log_is_refused(place: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no position"):
        write_time(*place)


def test_a_message_is_one_row_with_all_that_is_shown_of_it() -> None:
    assert history.project(sent(10), 77) == [
        TimelineRow(
            conversation_id=CONVERSATION,
            bucket=0,
            seq=10,
            message_number=10,
            sender_id=ANN,
            device_id=PHONE,
            client_message_id=message_id(10),
            kind="text",
            body="message 10",
            reply_to_seq=9,
            sent_at=NOON + 10,
            position=77,
        )
    ]


@pytest.mark.parametrize(
    ("seq", "bucket", "starts"),
    [
        (1, 0, True),
        (2, 0, False),
        (BUCKET_SEQS - 1, 0, False),
        (BUCKET_SEQS, 1, True),
        (BUCKET_SEQS + 1, 1, False),
    ],
)
def test_the_first_fact_of_a_bucket_says_where_the_conversation_ends(
    seq: int, bucket: int, starts: bool
) -> None:
    row, *others = history.project(sent(seq), 5)
    assert isinstance(row, TimelineRow)
    assert row.bucket == bucket
    assert others == ([BucketStarted(CONVERSATION, bucket, 5)] if starts else [])


def test_only_the_first_fact_lists_the_conversation_for_its_members() -> None:
    assert inbox.project(sent(1), 5, members_of) == [
        ConversationJoined(ANN, CONVERSATION, NOON + 1, 5),
        ConversationJoined(BOB, CONVERSATION, NOON + 1, 5),
    ]
    assert inbox.project(sent(2), 6, members_of) == []


def test_refusals_leave_nothing() -> None:
    assert history.project(rejected(1), 5) == []
    assert inbox.project(rejected(1), 5, members_of) == []


def test_an_old_writers_late_and_lower_move_does_not_lower_the_marker() -> None:
    log = [moved(9, read=True), moved(4, read=True)]
    rows = [row for n, move in enumerate(log) for row in receipts.project(move, n)]
    assert all(isinstance(row, MarkerMoved) for row in rows)
    assert max(row.seq for row in rows) == 9
