"""Positions that name their log: their text, and what another wrote there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.fence import NO_EPOCH
from events.marks import Mark, fingerprint_of, mark_of

marks = st.builds(
    Mark,
    st.integers(0, 1 << 19),
    st.integers(0, 1 << 44),
    st.integers(NO_EPOCH, 1 << 44),
    st.binary(max_size=20).map(fingerprint_of) | st.just(""),
)


@given(marks)
def test_a_mark_is_read_as_it_was_written(mark: Mark) -> None:
    assert mark_of(str(mark), 0) == mark


def test_an_older_release_committed_the_epoch_alone() -> None:
    assert mark_of("7", 42) == Mark(0, 42, 7, "")
    assert mark_of("-1", 42) == Mark(0, 42, NO_EPOCH, "")


@pytest.mark.parametrize("metadata", [None, "", "reset by hand", "1:2:3", "1:2:x:", "1:2:3:4:5"])
def test_what_somebody_else_wrote_is_no_mark(metadata: str | None) -> None:
    assert mark_of(metadata, 42) is None


def test_a_fingerprint_is_that_of_the_value() -> None:
    assert fingerprint_of(b"one") != fingerprint_of(b"two")
    assert len(fingerprint_of(None)) == 16
    assert fingerprint_of(None) == fingerprint_of(b"")
