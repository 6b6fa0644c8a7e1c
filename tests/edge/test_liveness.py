"""When a client counts as gone, and whom to believe who says that it is."""

import pytest

from edge.liveness import DOUBTS_MAX, Doubt, Due, Liveness

HEARTBEAT, FRAME = 30.0, 20.0


@pytest.fixture
def liveness():
    return Liveness(HEARTBEAT, FRAME, now=100.0)


def test_a_silent_client_is_pinged_once_and_then_given_up(liveness):
    assert liveness.due(129.9) is Due.NOTHING
    assert liveness.due(130.0) is Due.PING
    assert liveness.due(135.0) is Due.NOTHING
    assert liveness.due(160.0) is Due.SILENT


def test_who_answers_is_pinged_again_a_heartbeat_later(liveness):
    assert liveness.due(130.0) is Due.PING
    assert not liveness.heard(131.0), "there was no doubt to answer"
    assert liveness.due(160.9) is Due.NOTHING
    assert liveness.due(161.0) is Due.PING


def test_a_frame_that_does_not_end_is_given_up_however_much_is_heard(liveness):
    for now in (101.0, 110.0, 120.9):
        liveness.heard(now)
        liveness.read(now, whole=False, is_midway=True)
        assert liveness.due(now) is Due.NOTHING
    liveness.heard(121.0)
    assert liveness.due(121.0) is Due.HALF_A_FRAME


def test_time_for_a_frame_begins_again_when_one_was_whole(liveness):
    liveness.read(101.0, whole=False, is_midway=True)
    liveness.heard(119.0)
    liveness.read(119.0, whole=True, is_midway=True)
    assert liveness.due(121.0) is Due.NOTHING
    liveness.heard(130.0)
    liveness.read(130.0, whole=True, is_midway=False)
    assert liveness.due(150.0) is Due.NOTHING


def test_a_doubt_is_asked_once_and_answered_by_anything(liveness):
    assert liveness.doubt(101.0) is Doubt.ASK
    assert liveness.is_doubted
    assert liveness.doubt(101.0) is Doubt.IS_ASKED
    assert liveness.heard(102.0)
    assert not liveness.is_doubted


def test_who_is_told_too_often_in_two_heartbeats_believes_it(liveness):
    for number in range(DOUBTS_MAX):
        assert liveness.doubt(101.0 + number) is Doubt.ASK
        liveness.heard(101.0 + number)
    assert liveness.doubt(160.0) is Doubt.BELIEVE


def test_what_is_said_again_within_a_moment_counts_once(liveness):
    for _ in range(3 * DOUBTS_MAX):
        assert liveness.doubt(101.0) is Doubt.ASK
        liveness.heard(101.0)
    assert liveness.doubt(101.9) is Doubt.ASK


def test_doubts_of_long_ago_do_not_count(liveness):
    for number in range(DOUBTS_MAX):
        liveness.doubt(101.0 + number)
        liveness.heard(101.0 + number)
    assert liveness.doubt(100.0 + 2 * HEARTBEAT + 0.1) is Doubt.ASK
