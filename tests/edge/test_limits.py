"""The rate limit: a burst at once, then the rate, and never more than both together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import frames
from edge.features import messages, receipts
from edge.limits import MEANINGS, Bucket, Limits, Rates, UserRates
from events import queries


def test_a_burst_passes_at_once_and_then_one_by_one() -> None:
    bucket = Bucket(per_minute=60, burst=5)
    assert [bucket.take(100.0) for _ in range(5)] == [0.0] * 5
    assert bucket.take(100.0) == 1.0
    assert bucket.take(100.5) == 0.5
    assert bucket.take(101.0) == 0.0
    assert bucket.take(101.0) > 0
    assert [bucket.take(200.0) for _ in range(5)] == [0.0] * 5


@given(st.lists(st.floats(0, 3), min_size=1, max_size=200), st.integers(1, 600), st.integers(1, 20))
def test_never_more_than_the_burst_and_the_rate(
    waits: list[float], per_minute: int, burst: int
) -> None:
    bucket = Bucket(per_minute, burst)
    now = passed = 0.0
    for wait in waits:
        now += wait
        passed += bucket.take(now) == 0.0
        assert passed <= burst + now * per_minute / 60 + 1e-6


@given(st.lists(st.floats(0, 3), min_size=1, max_size=100), st.integers(1, 600), st.integers(1, 20))
def test_after_the_wait_that_it_names_it_lets_one_pass(
    waits: list[float], per_minute: int, burst: int
) -> None:
    bucket = Bucket(per_minute, burst)
    now = 0.0
    for wait in waits:
        now += wait
        named = bucket.take(now)
        if named:
            now += named + 1e-9
            assert bucket.take(now) == 0.0


NOT_ANNOUNCED = {"heartbeat_seconds", "hello_seconds", "register_seconds"}
"""The first is a field of the welcome itself; the others have passed by then."""


def test_whatever_is_enforced_is_announced_with_its_meaning() -> None:
    announced = Limits().announced()
    assert set(Limits.__struct_fields__) - NOT_ANNOUNCED <= set(announced)
    assert set(MEANINGS) == set(announced)
    sizes = {
        "body_bytes": messages.BODY_BYTES_MAX,
        "frame_bytes": frames.FRAME_BYTES_MAX,
        "marks": receipts.MARKS_MAX,
        "page": queries.PAGE_MAX,
        "inbox": queries.INBOX_MAX,
        "questions": queries.WAITING_MAX,
        "unread": queries.UNREAD_MAX,
    }
    assert {name: announced[name] for name in sizes} == sizes


def test_every_rate_of_a_user_is_announced_as_it_is_enforced() -> None:
    changed = {name: 7 + n for n, name in enumerate(Limits.__struct_fields__)}
    limits = Limits(**changed)  # type: ignore[arg-type]
    announced = limits.announced()
    for name in set(changed) - NOT_ANNOUNCED:
        assert announced[name] == changed[name]
    assert announced["marks"] <= announced["mark_burst"], "or one frame could never be taken"
    for rates, burst in (
        (UserRates(limits).sends, "send_burst"),
        (UserRates(limits).queries, "query_burst"),
        (UserRates(limits).marks, "mark_burst"),
    ):
        taken = [rates.take("ann", 0.0) for _ in range(announced[burst] + 1)]
        assert [wait == 0 for wait in taken] == [True] * announced[burst] + [False]


steps = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 2)), max_size=100)


@given(steps)
def test_each_key_has_a_bucket_of_its_own(said: list[tuple[str, float]]) -> None:
    rates, buckets, now = Rates(60, 3), {key: Bucket(60, 3) for key in "abc"}, 0.0
    for key, step in said:
        now += step
        looked = rates.wait_seconds(key, now)
        assert rates.take(key, now) == looked == pytest.approx(buckets[key].take(now))


def test_several_are_taken_together_or_not_at_all() -> None:
    rates = Rates(60, 5)
    assert rates.take("a", 0.0, 4) == 0.0
    assert rates.take("a", 0.0, 2) == pytest.approx(1.0)
    assert rates.take("a", 0.0, 1) == 0.0
    assert rates.take("a", 2.0, 2) == 0.0


def test_keys_that_have_recovered_are_forgotten_and_too_many_share_one() -> None:
    rates = Rates(60, 2, keys_max=2)
    assert [rates.take(key, 0.0) for key in ("a", "b")] == [0.0, 0.0]
    assert [rates.take(key, 0.0) for key in ("c", "d")] == [0.0, 0.0]  # share one
    assert rates.take("e", 0.0) > 0
    assert rates.take("a", 0.0) == 0.0  # still has its own
    assert len(rates) == 3
    assert rates.take("e", 60.0) == 0.0
    assert len(rates) == 1
