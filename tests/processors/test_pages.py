"""Pages: nothing is skipped that may still come, nothing is waited for that never will."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.queries import HistoryRequested
from processors.pages import PAGE_BYTES, Ask, ask_of, cut, page_of
from projections.history.projection import project
from projections.history.rows import TimelineRow
from projections.positions import write_time
from tests.examples import ANN, CONVERSATION, PHONE
from tests.projections.facts import sent

OFFSET = 1_000
"""The fact with seq n stands at this offset plus n."""


def row(seq: int, body: str = "hello") -> TimelineRow:
    (written, *_) = project(sent(seq, body=body), write_time(0, OFFSET + seq))
    assert isinstance(written, TimelineRow)
    return written


def request(**changes: object) -> HistoryRequested:
    fields: dict[str, object] = {
        "request_id": "q1",
        "user_id": ANN,
        "device_id": PHONE,
        "gateway_id": "gateway-1",
        "gateway_epoch": "e1",
        "session_id": 1,
        "conversation_id": CONVERSATION,
        "limit": 100,
    }
    return HistoryRequested(**(fields | changes))  # type: ignore[arg-type]


def seqs(rows: Sequence[TimelineRow]) -> list[int]:
    return [one.seq for one in rows]


@pytest.mark.parametrize(
    ("asked", "head", "expected"),
    [
        # Rising: what is asked for, but never above the head.
        ({"after_seq": 3, "up_to_seq": 8}, 10, Ask(True, 3, 8, 100)),
        ({"after_seq": 3, "up_to_seq": 2**40}, 10, Ask(True, 3, 10, 100)),
        # Without a bound at least the next one, if there is one.
        ({"after_seq": 3}, 10, Ask(True, 3, 4, 100)),
        ({"after_seq": 10}, 10, Ask(True, 10, 10, 100)),
        ({"after_seq": 0}, 0, Ask(True, 0, 0, 100)),
        # Falling: from below the seq, or from the head if that is lower.
        ({"before_seq": 8}, 10, Ask(False, 8, 7, 100)),
        ({"before_seq": 2**40}, 10, Ask(False, 11, 10, 100)),
        ({"before_seq": 5}, 0, Ask(False, 1, 0, 100)),
    ],
)
def test_what_is_asked_is_bounded_by_the_head(
    asked: dict[str, int], head: int, expected: Ask
) -> None:
    assert ask_of(request(**asked), head) == expected


def test_a_page_ends_before_a_row_that_is_not_written_yet() -> None:
    page = page_of(Ask(True, 0, 5, 100), map(row, (1, 2, 4, 5)), 5, applied=None)
    assert (seqs(page.rows), page.reached, page.next_seq) == ([1, 2], False, 2)


def test_a_page_goes_on_behind_a_row_that_will_never_come() -> None:
    """Its record was set aside: history has committed an offset behind the rows that follow."""
    rows = list(map(row, (1, 2, 4, 5)))
    assert seqs(page_of(Ask(True, 0, 5, 100), rows, 5, applied=OFFSET + 6).rows) == [1, 2, 4, 5]
    # The row above the gap is applied, the one behind the next gap is not.
    late = [*rows, row(9)]
    page = page_of(Ask(True, 0, 9, 100), late, 9, applied=OFFSET + 6)
    assert (seqs(page.rows), page.reached) == ([1, 2, 4, 5], False)


def test_a_falling_page_is_shown_rising_and_says_where_to_go_on() -> None:
    page = page_of(Ask(False, 6, 5, 3), map(row, (5, 4, 3)), 9, applied=None)
    assert (seqs(page.rows), page.reached, page.next_seq) == ([3, 4, 5], True, 3)
    page = page_of(Ask(False, 3, 2, 3), map(row, (2, 1)), 9, applied=None)
    assert (seqs(page.rows), page.reached, page.next_seq) == ([1, 2], True, None)


def test_a_falling_page_waits_for_its_newest_row() -> None:
    page = page_of(Ask(False, 6, 5, 3), map(row, (4, 3, 2)), 5, applied=None)
    assert (page.rows, page.reached) == ([], False)


def test_an_empty_conversation_has_an_empty_page_at_once() -> None:
    for ask in (ask_of(request(after_seq=0), 0), ask_of(request(before_seq=9), 0)):
        page = page_of(ask, [], 0, applied=None)
        assert (page.rows, page.reached, page.next_seq) == ([], True, None)


def test_a_page_is_cut_where_its_bodies_no_longer_fit() -> None:
    large = "x" * 65_000
    rows = [row(seq, large) for seq in range(1, 8)]
    page = page_of(Ask(True, 0, 7, 100), rows, 7, applied=None)
    assert (seqs(page.rows), page.reached, page.next_seq) == ([1, 2, 3, 4], True, 4)


def test_one_row_is_always_kept_and_sizes_are_those_of_the_encoded_body() -> None:
    escaped = "\x01" * 60_000
    assert seqs(cut([row(1, escaped), row(2, escaped)])) == [1]
    assert len(escaped) * 6 > PAGE_BYTES


@given(
    head=st.integers(0, 40),
    limit=st.integers(1, 7),
    rising=st.booleans(),
    missing=st.sets(st.integers(1, 40)),
)
def test_page_after_page_shows_everything_once_and_in_order(
    head: int, limit: int, rising: bool, missing: set[int]
) -> None:
    """Walk the cursors over a history in which some rows are written only when asked again."""
    unwritten = set(missing)
    seen: list[int] = []
    cursor: int | None = 0 if rising else 2**40
    for _ in range(300):
        if cursor is None:
            break
        asked = (
            {"after_seq": cursor, "up_to_seq": head or None} if rising else {"before_seq": cursor}
        )
        ask = ask_of(request(**asked, limit=limit), head)
        written = [row(seq) for seq in range(1, head + 1) if seq not in unwritten]
        if rising:
            found = [one for one in written if one.seq > ask.start][:limit]
        else:
            found = [one for one in written if one.seq < ask.start][::-1][:limit]
        page = page_of(ask, found, head, applied=None)
        if not page.reached:
            unwritten.clear()
        if not page.reached and not page.rows:
            continue
        seen = seen + seqs(page.rows) if rising else seqs(page.rows) + seen
        cursor = page.next_seq
    assert seen == list(range(1, head + 1))
