"""Ids that a retry would repeat: which are forgotten, and what that costs."""

import time

from hypothesis import given
from hypothesis import strategies as st

from processors.admission.remembered import Remembered

MANY = 200_000


def digest(number: int) -> bytes:
    return number.to_bytes(16, "big")


def filled(times: list[int]) -> Remembered:
    one = Remembered()
    for number, at in enumerate(times):
        one.add(digest(number), number + 1, at)
    return one


@given(st.lists(st.integers(0, 50)).map(sorted), st.integers(0, 60), st.integers(1, 9))
def test_what_is_older_is_forgotten_and_all_else_is_as_it_was(times, oldest, piece):
    one = filled(times)
    one.forget(oldest)
    kept = {digest(number): (number + 1, at) for number, at in enumerate(times) if at >= oldest}
    assert {digest(number): one.find(digest(number)) for number in range(len(times))} == {
        digest(number): kept.get(digest(number)) for number in range(len(times))
    }
    other = Remembered()
    for packed in one.packed(piece):
        other.add_packed(packed)
    assert other == one


def test_one_that_is_added_again_is_held_once():
    one = filled([1, 2])
    one.add(digest(0), 9, 3)
    assert len(one) == 2
    one.forget(4)
    assert len(one) == 0


def test_a_partition_that_was_silent_for_long_forgets_all_at_once_in_no_time():
    one = filled([1] * MANY)
    began = time.process_time()
    one.forget(2)
    assert len(one) == 0
    assert time.process_time() - began < 2.0, "passing by all that is deleted: 25 s"


def test_a_busy_partition_forgets_one_for_each_that_comes_in_no_time():
    one = filled(list(range(MANY)))
    began = time.process_time()
    for at in range(MANY, 2 * MANY):
        one.add(digest(at), 1, at)
        one.forget(at - MANY + 1)
    assert len(one) == MANY
    assert time.process_time() - began < 4.0, "passing by all that is deleted: 15 s"


def test_what_remembers_something_else_is_not_equal():
    assert filled([1]) == filled([1])
    assert filled([1]) != filled([2])
    assert filled([1]) != Remembered()


def test_pieces_hold_so_many_entries_and_the_last_one_the_rest():
    assert [len(piece) // 32 for piece in filled([1, 2, 3, 4, 5]).packed(2)] == [2, 2, 1]
