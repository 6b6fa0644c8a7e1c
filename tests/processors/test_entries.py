"""Entries of the inbox: unread is a difference of numbers, and to answer is to have read."""

import pytest

from processors.entries import entry, newest_first, read_seq, receipts_of
from projections.history.projection import TimelineRow, project
from tests.examples import ANN, BOB, CONVERSATION, NOON
from tests.projections.facts import sent


def newest(seq: int, number: int, body: str = "x" * 500) -> TimelineRow:
    (row, *_) = project(sent(seq, message_number=number, body=body), 1)
    assert isinstance(row, TimelineRow)
    return row


@pytest.mark.parametrize(
    ("marker", "own_seq", "expected"), [(0, 0, 0), (5, 0, 5), (5, 3, 5), (5, 8, 8), (0, 8, 8)]
)
def test_ones_own_newest_message_counts_as_read(marker: int, own_seq: int, expected: int) -> None:
    markers = {(CONVERSATION, ANN, "read"): marker}
    assert read_seq(CONVERSATION, ANN, markers, own_seq) == expected


@pytest.mark.parametrize(
    ("read", "number_at_read", "unread"),
    # Seq 10 is message 7: three facts were no messages.
    [(0, 0, 7), (4, 3, 4), (9, 6, 1), (10, 7, 0), (12, 0, 0)],
)
def test_unread_is_a_difference_of_numbers(read: int, number_at_read: int, unread: int) -> None:
    shown = entry(newest(10, 7), head=10, read=read, number_at_read=number_at_read, receipts=[])
    assert shown["unread"] == unread


def test_an_entry_shows_the_newest_message_and_a_preview() -> None:
    shown = entry(newest(10, 10), head=11, read=0, number_at_read=0, receipts=[{"user_id": ANN}])
    assert shown["seq"] == 11, "the head may be ahead of what history holds"
    assert shown["newest"] == {
        "seq": 10,
        "number": 10,
        "sender_id": ANN,
        "kind": "text",
        "preview": "x" * 200,
        "preview_cut": True,
        "sent_at": NOON + 10,
    }
    assert shown["receipts"] == [{"user_id": ANN}]


@pytest.mark.parametrize(
    ("body", "preview"),
    [
        ("hi", "hi"),
        ("x" * 200, "x" * 200),
        ("x" * 195 + "👨‍👩‍👧‍👦", "x" * 195),
        ("x" * 199 + "🇩🇪", "x" * 199),
        ("x" * 199 + "e\u0301", "x" * 199),
    ],
)
def test_a_preview_takes_no_character_apart_and_says_whether_it_is_all(
    body: str, preview: str
) -> None:
    shown = entry(newest(1, 1, body), head=1, read=0, number_at_read=0, receipts=[])["newest"]
    assert (shown["preview"], shown["preview_cut"]) == (preview, preview != body)


def test_what_was_read_was_delivered() -> None:
    markers = {(CONVERSATION, BOB, "read"): 5, (CONVERSATION, BOB, "delivered"): 3}
    assert receipts_of(CONVERSATION, (ANN, BOB), markers) == [
        {"user_id": ANN, "delivered": 0, "read": 0},
        {"user_id": BOB, "delivered": 5, "read": 5},
    ]


def test_the_newest_conversations_come_first() -> None:
    activity = {"d:ann:eve": 3, "d:ann:bob": 9, "d:ann:cid": 3, "d:ann:dan": 1}
    assert newest_first(activity, 3) == ["d:ann:bob", "d:ann:cid", "d:ann:eve"]
