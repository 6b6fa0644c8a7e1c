"""Which questions are still answered after a stall."""

from events.topics import QUERIES
from processors.queries import CLOCKS_DIFFER_MS, PATIENCE_MS, still_waiting
from processors.received import Received
from tests.examples import NOON, inbox_asked


def asked(offset: int, at: int) -> Received:
    question = inbox_asked(request_id=f"r{offset}")
    return Received(question, QUERIES.name, 0, offset, at, None)  # type: ignore[arg-type]


def offsets(batch: list[Received], now: int) -> list[int]:
    return [received.offset for received in still_waiting(batch, now)]


def test_what_nobody_waits_for_any_more_is_dropped_and_the_newest_is_answered_first() -> None:
    batch = [asked(1, NOON - PATIENCE_MS - 1), asked(2, NOON - PATIENCE_MS), asked(3, NOON)]
    assert offsets(batch, NOON) == [3, 2]


def test_a_whole_batch_from_long_ago_is_dropped_by_the_clock_of_the_worker() -> None:
    batch = [asked(number, NOON + number) for number in range(3)]
    later = NOON + 2 + PATIENCE_MS + CLOCKS_DIFFER_MS
    assert offsets(batch, later) == [2]
    assert offsets(batch, later + 1) == []


def test_clocks_that_differ_drop_nothing() -> None:
    batch = [asked(1, NOON), asked(2, NOON)]
    for shift in (-CLOCKS_DIFFER_MS, CLOCKS_DIFFER_MS):
        assert sorted(offsets(batch, NOON + shift)) == [1, 2]
