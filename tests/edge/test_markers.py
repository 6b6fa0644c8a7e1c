"""Markers: only the highest matters, and all of them arrive at their partition."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from edge import markers
from edge.markers import Markers
from events.receipts import Marker
from events.topics import partition_of

some_markers = st.lists(
    st.builds(
        Marker,
        conversation_id=st.sampled_from([f"d:ann:b{n}" for n in range(6)]),
        user_id=st.sampled_from(["ann", "b1"]),
        device_id=st.sampled_from(["phone", "laptop"]),
        kind=st.sampled_from(["delivered", "read"]),
        seq=st.integers(1, 20),
    ),
    max_size=60,
)


def highest(given_markers: list[Marker]) -> dict[tuple[str, ...], int]:
    found: dict[tuple[str, ...], int] = {}
    for marker in given_markers:
        key = (marker.conversation_id, marker.user_id, marker.device_id, marker.kind)
        found[key] = max(found.get(key, 0), marker.seq)
    return found


def test_what_kafka_has_is_not_submitted_again_for_a_while() -> None:
    marker = Marker(
        conversation_id="d:ann:b1", user_id="ann", device_id="phone", kind="read", seq=5
    )
    waiting = Markers()
    waiting.told([marker], 1.0)
    assert waiting.add(marker, 2.0)
    assert waiting.take() == []
    for now in (62.0, 123.0):  # a minute and another
        waiting.told([], now)
    waiting.add(marker, 123.0)
    assert len(waiting) == 1
    assert waiting.take() != []
    other = msgspec.structs.replace(marker, seq=4)
    waiting.told([marker], 124.0)
    waiting.add(other, 124.0)
    assert waiting.take() != [], "only what is the same is a repeat"


def test_what_kafka_had_is_submitted_again_later_also_where_nothing_else_is_said() -> None:
    marker = Marker(
        conversation_id="d:ann:b1", user_id="ann", device_id="phone", kind="read", seq=5
    )
    for later, is_repeat in ((1.0, True), (60.0, True), (markers.TOLD_SECONDS, False)):
        waiting = Markers()
        waiting.told([marker], 1_000.0)
        assert waiting.add(marker, 1_000.0 + later)
        assert (waiting.take() == []) is is_repeat, later


@given(some_markers)
def test_the_highest_of_each_is_submitted_once_at_its_partition(
    given_markers: list[Marker],
) -> None:
    waiting = Markers()
    for marker in given_markers:
        assert waiting.add(marker, 0.0)
    taken = waiting.take()
    packed = [marker for _, record in taken for marker in record.markers]
    assert highest(packed) == highest(given_markers)
    assert len(packed) == len(highest(given_markers))
    for partition, record in taken:
        assert {partition_of(marker.conversation_id) for marker in record.markers} == {partition}
    assert waiting.take() == []


@given(some_markers, some_markers)
def test_adding_what_failed_again_loses_and_lowers_nothing(
    first: list[Marker], second: list[Marker]
) -> None:
    waiting = Markers()
    for marker in first:
        waiting.add(marker, 0.0)
    failed = waiting.take()
    for marker in second:
        waiting.add(marker, 0.0)
    for _, record in failed:
        for marker in record.markers:
            waiting.add(marker, 0.0)
    packed = [marker for _, record in waiting.take() for marker in record.markers]
    assert highest(packed) == highest(first + second)


def test_a_record_holds_a_thousand_markers_at_most() -> None:
    waiting = Markers()
    for number in range(2_500):
        waiting.add(
            Marker(
                conversation_id="d:ann:bob",
                user_id=f"u{number}",
                device_id="phone",
                kind="read",
                seq=1,
            ),
            0.0,
        )
    assert [len(record.markers) for _, record in waiting.take()] == [1_000, 1_000, 500]


def test_what_passes_the_bound_is_not_taken() -> None:
    waiting = Markers()
    one = Marker(conversation_id="d:a:b", user_id="a", device_id="p", kind="read", seq=1)
    waiting._pending = dict.fromkeys(
        (("c", str(n), "d", "read") for n in range(markers.PENDING_MAX)), one
    )
    assert not waiting.add(one, 0.0)
