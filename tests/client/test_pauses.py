"""Errors and answers that do not come: when the core asks again, and what it says of it.

Each pause is asked for once, counts its attempts and lasts at least as long as the server says.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from client.effects import Effects, Wait
from client.frames import Error
from client.marks import MARKS, Marks
from client.messages import Problem
from client.pace import GATE, Gate
from client.sync import ATTEMPTS_BEFORE_COMPLAINT, FETCH, QUERIES, Sync
from client.walk import ANSWER_TIMEOUT_MS, Walk

CONVERSATION = "d:ann:bob"


def numbers() -> Callable[[], str]:
    known = iter(range(1, 10_000))
    return lambda: f"r{next(known)}"


class OfWalk:
    """A walk whose question is asked when it may be."""

    topic, name = "heads", ""

    def __init__(self) -> None:
        self.gate = Gate(QUERIES)
        self.walk = Walk(
            self.topic, numbers(), lambda one, cursor: f'["{one}","{cursor}"]'.encode()
        )
        self.walk.begin("c")

    def pump(self, now: int, out: Effects) -> str | None:
        before = len(out.frames)
        self.walk.pump(now, self.gate, out)
        if len(out.frames) == before:
            return None
        request_id, cursor = json.loads(out.frames[-1])
        assert cursor == "c"
        return str(request_id)

    def failed(self, request_id: str, seconds: float | None, now: int, out: Effects) -> bool:
        return self.walk.failed(request_id, seconds or 0.0, out)

    def overdue(self, now: int, out: Effects) -> None:
        self.walk.overdue(now, out)

    def wake(self) -> None:
        self.walk.wake()

    def succeed(self, request_id: str, out: Effects) -> None:
        assert self.walk.answered(request_id, None)
        self.walk.begin("c")


class OfMarks:
    """The watermarks of one conversation, which is told when it may be."""

    topic, name = MARKS, ""

    def __init__(self) -> None:
        self.marks = Marks(numbers())
        self.sync = Sync()
        self.conversation = self.sync.conversation(CONVERSATION)
        self.conversation.delivered, self.conversation.unsettled = 3, True
        self.marks.connected({}, [self.conversation])

    def pump(self, now: int, out: Effects) -> str | None:
        before = len(out.frames)
        self.marks.pump(now, out)
        if len(out.frames) == before:
            return None
        frame = json.loads(out.frames[-1])
        assert frame["delivered"] == [[CONVERSATION, self.conversation.delivered]]
        return str(frame["id"])

    def failed(self, request_id: str, seconds: float | None, now: int, out: Effects) -> bool:
        error = Error("unavailable", id=request_id, retry_after_seconds=seconds)
        return self.marks.failed(error, now, out)

    def overdue(self, now: int, out: Effects) -> None:
        self.marks.overdue(now, out)

    def wake(self) -> None:
        self.marks.wake()

    def succeed(self, request_id: str, out: Effects) -> None:
        self.marks.answered(request_id, out)
        self.conversation.delivered += 1
        self.marks.put(self.conversation)


class OfSync:
    """A conversation that is behind."""

    topic, name = FETCH, CONVERSATION

    def __init__(self) -> None:
        self.sync = Sync()
        self.sync.connected({})
        self.conversation = self.sync.conversation(CONVERSATION)
        self.conversation.head = 9
        self.sync.check(self.conversation)

    def pump(self, now: int, out: Effects) -> str | None:
        before = len(out.frames)
        self.sync.pump(now, out)
        return None if len(out.frames) == before else str(json.loads(out.frames[-1])["id"])

    def failed(self, request_id: str, seconds: float | None, now: int, out: Effects) -> bool:
        found = self.sync.answered(request_id)
        if found is None:
            return False
        error = Error("unavailable", id=request_id, retry_after_seconds=seconds)
        self.sync.failed(found, error, now, out)
        self.sync.check(found)
        return True

    def overdue(self, now: int, out: Effects) -> None:
        self.sync.overdue(now, out)

    def wake(self) -> None:
        self.sync.wake(CONVERSATION)

    def succeed(self, request_id: str, out: Effects) -> None:
        found = self.sync.answered(request_id)
        assert found is not None
        found.cursor += 1
        self.sync.paged(found, True, out)


@pytest.mark.parametrize("kind", [OfWalk, OfMarks, OfSync])
def test_what_is_refused_is_asked_again_after_the_pause_and_not_before(kind: Any) -> None:
    asked, now = kind(), 1_000_000
    for attempt, seconds in enumerate((2.5, None, 7.0), start=1):
        out = Effects()
        request_id = asked.pump(now, out)
        assert request_id is not None
        assert asked.pump(now, out) is None, "one is under way"
        assert not asked.failed("of somebody else", 9.0, now, out)
        assert asked.failed(request_id, seconds, now, out)
        assert out.waits == [Wait(asked.topic, asked.name, attempt, seconds or 0.0)]
        assert asked.pump(now + 60_000, out) is None, "the pause is not over"
        asked.wake()
        now += 60_000
    out = Effects()
    request_id = asked.pump(now, out)
    asked.succeed(request_id, out)
    request_id = asked.pump(now, out)
    assert asked.failed(request_id, 1.0, now, out)
    assert out.waits == [Wait(asked.topic, asked.name, 1, 1.0)], "an answer begins the count anew"


@pytest.mark.parametrize("kind", [OfWalk, OfMarks, OfSync])
def test_what_is_not_answered_is_asked_again_after_a_pause(kind: Any) -> None:
    asked, out, now = kind(), Effects(), 1_000_000
    assert asked.pump(now, out) is not None
    asked.overdue(now + ANSWER_TIMEOUT_MS - 1, out)
    assert out.waits == []
    now += ANSWER_TIMEOUT_MS
    asked.overdue(now, out)
    asked.overdue(now, out)
    assert out.waits == [Wait(asked.topic, asked.name, 1, 0.0)]
    assert asked.pump(now, out) is None
    asked.wake()
    assert asked.pump(now, out) is not None
    asked.overdue(now + ANSWER_TIMEOUT_MS, out)
    assert out.waits[1:] == [Wait(asked.topic, asked.name, 2, 0.0)]


def test_a_late_error_adds_no_second_pause_to_a_walk() -> None:
    asked, out = OfWalk(), Effects()
    request_id = asked.pump(0, out)
    assert request_id is not None
    asked.overdue(ANSWER_TIMEOUT_MS, out)
    assert asked.failed(request_id, 3.0, ANSWER_TIMEOUT_MS, out)
    assert len(out.waits) == 1
    assert not asked.failed(request_id, 3.0, ANSWER_TIMEOUT_MS, out), "it was answered"


def test_too_fast_with_watermarks_is_a_closed_gate_and_no_pause() -> None:
    asked, out = OfMarks(), Effects()
    error = Error("rate_limited", id=asked.pump(0, out), retry_after_seconds=2.0)
    assert asked.marks.failed(error, 0, out)
    assert out.waits == []
    assert asked.pump(0, out) is None
    assert out.waits == [Wait(GATE, MARKS, 0, 2.0)]
    asked.marks.open()
    assert asked.pump(2_000, out) is not None


def test_too_many_questions_are_a_closed_gate_and_neither_a_pause_nor_a_complaint() -> None:
    asked, now = OfSync(), 0
    for _ in range(2 * ATTEMPTS_BEFORE_COMPLAINT):
        out = Effects()
        found = asked.sync.answered(asked.pump(now, out) or "")
        assert found is asked.conversation
        asked.sync.failed(found, Error("rate_limited", retry_after_seconds=2.0), now, out)
        assert asked.pump(now, out) is None
        assert out.waits == [Wait(GATE, QUERIES, 0, 2.0)]
        assert out.notices == []
        asked.sync.queries.open()
        now += 2_000


@pytest.mark.parametrize(
    ("code", "problem", "said"),
    [("internal", "hole", (CONVERSATION, "at 3;")), ("unavailable", "history_unavailable", ())],
)
def test_what_lasts_is_said_once(code: str, problem: str, said: tuple[str, ...]) -> None:
    asked, out, counts = OfSync(), Effects(), []
    asked.conversation.cursor = 2
    for _ in range(2 * ATTEMPTS_BEFORE_COMPLAINT):
        found = asked.sync.answered(asked.pump(0, out) or "")
        assert found is not None
        asked.sync.failed(found, Error(code), 0, out)
        counts.append(len(out.notices))
        asked.wake()
    before = ATTEMPTS_BEFORE_COMPLAINT - 1
    assert counts == [0] * before + [1] * (len(counts) - before)
    (notice,) = out.notices
    assert isinstance(notice, Problem)
    assert notice.code == problem
    assert all(part in notice.detail for part in said)


def test_that_history_is_away_is_said_once_for_all_conversations_until_a_page_comes() -> None:
    sync, out = Sync(), Effects()
    sync.connected({})
    some = [sync.conversation(f"d:ann:bob{n}") for n in range(2 * ATTEMPTS_BEFORE_COMPLAINT)]
    for times in (1, 2):
        for conversation in some:
            sync.failed(conversation, Error("unavailable"), 0, out)
        assert [one.code for one in out.notices if isinstance(one, Problem)] == [
            "history_unavailable"
        ] * times
        sync.paged(some[0], True, out)
