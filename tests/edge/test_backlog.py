"""What waits in the log for an answer, by its places."""

from hypothesis import given
from hypothesis import strategies as st

from edge.backlog import PLACES_MAX, SILENT_SECONDS, Backlog


def waiting(backlog: Backlog, partition: int, *offsets: int) -> None:
    for offset in offsets:
        backlog.submitted(partition)
        backlog.confirmed(partition, offset)


def test_it_is_full_while_too_many_wait_and_answers_come() -> None:
    backlog = Backlog(3, 4)
    backlog.answered(0, 9, now=100.0)
    waiting(backlog, 0, 10, 11)
    assert not backlog.is_full(0, 100.0)
    backlog.submitted(0)  # on its way to Kafka: it counts too
    assert backlog.is_full(0, 100.0)
    backlog.confirmed(0, 12)
    assert backlog.is_full(0, 100.0)
    backlog.answered(0, 10, now=100.5)
    assert not backlog.is_full(0, 100.5)
    assert backlog.unanswered == 2


def test_while_no_answers_come_nothing_is_held_back() -> None:
    backlog = Backlog(2, 4)
    waiting(backlog, 0, 1, 2, 3)
    assert not backlog.is_full(0, 100.0)  # none ever came
    backlog.answered(0, 1, now=100.0)
    assert backlog.is_full(0, 100.0 + SILENT_SECONDS - 0.01)
    assert not backlog.is_full(0, 100.0 + SILENT_SECONDS)
    backlog.answered(0, 2, now=200.0)  # they come again
    waiting(backlog, 0, 4)
    assert backlog.is_full(0, 200.0)


def test_a_partition_that_stands_still_holds_back_nobody() -> None:
    backlog = Backlog(3, 4)
    backlog.answered(0, 0, now=100.0)
    waiting(backlog, 0, *range(1, 9))
    backlog.submitted(0)
    backlog.answered(1, 0, now=100.0 + SILENT_SECONDS)
    waiting(backlog, 1, 1, 2)
    now = 100.0 + SILENT_SECONDS
    assert backlog.unanswered == 10
    assert not backlog.is_full(0, now)  # its messages are safe in the log
    assert not backlog.is_full(1, now)  # what waits in the other is not its burden
    waiting(backlog, 1, 3)
    assert backlog.is_full(1, now)
    backlog.answered(2, 0, now=now)
    assert backlog.is_full(2, now)  # those that are answered share one bound
    assert not backlog.is_full(3, now)  # nothing was ever answered there


def test_what_kafka_did_not_take_does_not_wait() -> None:
    backlog = Backlog(1, 4)
    backlog.answered(0, 0, now=1.0)
    backlog.submitted(0)
    assert backlog.is_full(0, 1.0)
    backlog.failed(0)
    assert not backlog.is_full(0, 1.0)


def test_an_answer_may_be_here_before_the_confirmation() -> None:
    backlog = Backlog(1, 4)
    backlog.submitted(0)
    backlog.answered(0, 5, now=1.0)
    backlog.confirmed(0, 5)
    assert backlog.unanswered == 0


def test_its_memory_is_bounded() -> None:
    backlog = Backlog(1, 4)
    waiting(backlog, 0, *range(PLACES_MAX + 10))
    assert backlog.unanswered == PLACES_MAX
    backlog.answered(0, PLACES_MAX + 9, now=1.0)
    assert backlog.unanswered == 0


events = st.lists(
    st.tuples(st.sampled_from(["submit", "answer"]), st.integers(0, 3), st.integers(1, 5)),
    max_size=60,
)


@given(events)
def test_it_is_what_a_plain_count_of_places_says(said: list[tuple[str, int, int]]) -> None:
    backlog = Backlog(1_000, 4)
    ends, marks = dict.fromkeys(range(4), 0), dict.fromkeys(range(4), -1)
    places: set[tuple[int, int]] = set()
    for what, partition, step in said:
        if what == "submit":
            place = (partition, ends[partition])
            ends[partition] += step  # those of other gateways lie between
            waiting(backlog, *place)
            places.add(place)
        else:
            marks[partition] = min(marks[partition] + step, ends[partition])
            backlog.answered(partition, marks[partition], now=1.0)
        left = [place for place in places if place[1] > marks[place[0]]]
        assert backlog.unanswered == len(left)


def test_places_that_are_given_again_hold_nothing_back() -> None:
    """The log lost its end: what waited there has no answer to come, and places begin anew."""
    backlog = Backlog(3, 4)
    backlog.answered(0, 1_000, now=100.0)
    waiting(backlog, 0, 1_001, 1_002, 1_003)
    assert backlog.is_full(0, 100.0)
    waiting(backlog, 0, 41)
    backlog.answered(0, 41, now=100.0)
    assert backlog.unanswered == 0
    waiting(backlog, 0, 42, 43, 44)
    assert backlog.is_full(0, 100.0)
    backlog.answered(0, 44, now=100.0)
    assert backlog.unanswered == 0
