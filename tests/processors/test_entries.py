"""Entries of the inbox: what is shown of a conversation, and in which order."""

import pytest

from events.frames import inbox
from processors.entries import PREVIEW_LENGTH_MAX, entry, read_seq, receipts_of
from projections.history.projection import project
from projections.history.rows import TimelineRow
from tests.examples import ANN, BOB, CONVERSATION, NOON
from tests.projections.facts import sent


def newest(seq: int, number: int, body: str = "x" * 500) -> TimelineRow:
    (row, *_) = project(sent(seq, message_number=number, body=body), 1)
    assert isinstance(row, TimelineRow)
    return row


def test_only_what_a_member_said_is_its_read_marker() -> None:
    assert read_seq(CONVERSATION, ANN, {}) == 0
    markers = {(CONVERSATION, ANN, "read"): 5, (CONVERSATION, ANN, "delivered"): 9}
    assert read_seq(CONVERSATION, ANN, markers) == 5


def test_an_entry_shows_the_newest_message_and_a_preview() -> None:
    shown = entry(
        CONVERSATION, newest(10, 10), head=11, read=0, unread=7, receipts=[{"user_id": ANN}]
    )
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
    shown = entry(CONVERSATION, newest(1, 1, body), head=1, read=0, unread=0, receipts=[])["newest"]
    assert (shown["preview"], shown["preview_cut"]) == (preview, preview != body)


def test_how_long_a_preview_may_be_is_announced() -> None:
    assert f"at most {PREVIEW_LENGTH_MAX} code points" in " ".join((inbox.__doc__ or "").split())


def test_what_was_read_was_delivered() -> None:
    markers = {(CONVERSATION, BOB, "read"): 5, (CONVERSATION, BOB, "delivered"): 3}
    assert receipts_of(CONVERSATION, (ANN, BOB), markers) == [
        {"user_id": ANN, "delivered": 0, "read": 0},
        {"user_id": BOB, "delivered": 5, "read": 5},
    ]
