"""What becomes of one message when the log or the gateway refuses it, told to store and shell."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.effects import Effects, Entry, EntryChanged, EntryRefused, Wait
from client.errors import Refused
from client.frames import Error, Rejected
from client.message_ids import made_at, minted
from client.messages import MessageAccepted, MessageRefused, MessageRenamed, Tick
from client.outbox import AHEAD_MS, EARLY_SECONDS_MAX, LATE_COPY_MS, LINE, PACE, Outbox
from client.outgoing import Handles
from client.state import State

CONVERSATION = "d:ann:bob"
NOW = 1_700_000_000_000


def entry(order: int, made: int = NOW) -> Entry:
    return Entry(order, minted(made, order), "bob", CONVERSATION, "text", f"no {order}", None)


def sent(*entries: Entry, now: int = NOW, **limits: int) -> tuple[Outbox, Effects]:
    """An outbox that is connected and has sent what it may."""
    outbox, out = Outbox(), Effects()
    outbox.connected(limits)
    for one in entries:
        outbox.add(one)
    outbox.pump(now, out)
    return outbox, out


def bodies(out: Effects) -> list[str]:
    return [json.loads(frame)["body"] for frame in out.frames]


@pytest.mark.parametrize("by", ["log", "gateway"])
def test_a_refusal_for_good_is_stored_and_told_in_whole(by: str) -> None:
    one, two = entry(1), entry(2)
    outbox, out = sent(one, two)[0], Effects()
    if by == "log":
        refusal = Rejected(one.id, CONVERSATION, "forbidden", "not you", NOW)
        assert outbox.rejected(refusal, NOW, out) is None
    else:
        outbox.failed(Error("too_large", "too long", id=one.id), NOW, out)
    code, detail = ("forbidden", "not you") if by == "log" else ("too_large", "too long")
    assert out == Effects(
        changes=[EntryRefused(1, code, detail)],
        notices=[MessageRefused(1, one.id, CONVERSATION, code, detail)],
    )
    assert outbox.unsent(CONVERSATION) == [two]
    assert outbox.unsent("d:ann:eve") == []


@given(ahead_ms=st.integers(0, 3 * LATE_COPY_MS), again=st.booleans())
def test_what_comes_too_early_waits_for_its_time_or_gets_the_right_one(
    ahead_ms: int, again: bool
) -> None:
    """The clock of the gateway is ahead of the log. A copy that another gateway may hold can be
    admitted later: then the id stays, however long that takes."""
    now = NOW + ahead_ms
    one = entry(1, now)
    outbox, _ = sent(one, now=now)
    if again:
        outbox.connected({})
        outbox.pump(now, Effects())
    old_id, out = one.id, Effects()
    refusal = Rejected(one.id, CONVERSATION, "too_early", "", NOW)
    assert outbox.rejected(refusal, now, out) is None
    early_ms = ahead_ms - AHEAD_MS
    if not again and early_ms > LATE_COPY_MS:
        assert made_at(one.id) == NOW
        assert out.notices == [MessageRenamed(1, one.id)]
        assert out.changes == [EntryChanged(one)]
        assert one.first_sent_at is None
        early_ms = 0
    else:
        assert (one.id, out.notices, out.changes) == (old_id, [], [])
        assert one.first_sent_at == now
    seconds = min(max(early_ms, 0) / 1000, EARLY_SECONDS_MAX)
    assert out.waits == [Wait(LINE, CONVERSATION, 1, seconds)]
    outbox.pump(now, out)
    assert out.frames == [], "the line is held"
    outbox.wake(CONVERSATION)
    outbox.pump(now, out)
    assert bodies(out) == ["no 1"]


@given(ahead_ms=st.integers(-LATE_COPY_MS, 3 * LATE_COPY_MS))
def test_a_clock_that_is_ahead_of_the_log_is_known_for_the_messages_that_follow(
    ahead_ms: int,
) -> None:
    now = NOW + ahead_ms
    outbox, _ = sent(first := entry(1, now), now=now)
    outbox.rejected(Rejected(first.id, CONVERSATION, "too_early", "", NOW), now, Effects())
    later, other = now + 1_000, entry(2, now + 1_000)
    other.conversation_id = "d:ann:eve"
    outbox.add(other)
    outbox.pump(later, Effects())
    made = made_at(other.id)
    assert made is not None
    assert abs(made - (later - max(0, ahead_ms))) <= 60_000
    assert made == later or made == later - ahead_ms


def test_what_overtook_waits_for_the_pages_before_it_is_sent_again() -> None:
    one, two = entry(1), entry(2)
    outbox, out = sent(one, two)[0], Effects()
    refusal = Rejected(two.id, CONVERSATION, "unknown_after", "", NOW)
    assert outbox.rejected(refusal, NOW, out) == CONVERSATION
    assert out.waits == [Wait(LINE, CONVERSATION, 1, 0.0)]
    outbox.wake(CONVERSATION)
    outbox.pump(NOW, out)
    assert out.frames == [], "first it is to be known which of them are in the log"
    outbox.synced(CONVERSATION, out)
    outbox.pump(NOW, out)
    assert bodies(out) == ["no 1", "no 2"]


def test_what_is_stale_is_stored_as_never_sent_once_it_has_its_new_id() -> None:
    one = entry(1)
    outbox, out = sent(one)[0], Effects()
    at = NOW + 3_600_000
    refusal = Rejected(one.id, CONVERSATION, "stale", "", at)
    assert outbox.rejected(refusal, at, out) == CONVERSATION
    outbox.synced(CONVERSATION, out)
    assert out.changes == [EntryChanged(one)]
    assert one.first_sent_at is None
    assert made_at(one.id) == at


def test_a_refusal_for_speed_holds_the_line_and_everything_else_that_is_sent() -> None:
    one = entry(1)
    outbox, out = sent(one)[0], Effects()
    outbox.failed(Error("rate_limited", id=one.id, retry_after_seconds=4.0), NOW, out)
    assert out.waits == [Wait(LINE, CONVERSATION, 1, 4.0)]
    other = entry(2)
    other.conversation_id = "d:ann:eve"
    outbox.add(other)
    outbox.pump(NOW, out)
    assert (out.frames, out.waits[1:]) == ([], [Wait(PACE, "", 0, 4.0)])
    outbox.pump(NOW + 4_000, out)
    assert out.frames == [], "whoever waits is woken"
    outbox.paced()
    outbox.pump(NOW + 4_000, out)
    assert bodies(out) == ["no 2"]


def handles(*entries: Entry) -> tuple[Handles, list[Any]]:
    made = Handles(State())
    return made, [made.made(one) for one in entries]


async def test_a_handle_says_what_it_is_of_and_then_where_that_is() -> None:
    one = entry(1)
    known, (handle,) = handles(one)
    assert (handle.id, handle.to, handle.body) == (one.id, "bob", "no 1")
    assert (handle.conversation_id, handle.seq, handle.sent_at) == (CONVERSATION, 0, 0)
    assert handle.tick is Tick.WAITING
    known.accepted(MessageAccepted(1, one.id, "d:ann:bobby", 7, 8))
    assert (handle.conversation_id, handle.seq, handle.sent_at) == ("d:ann:bobby", 7, 8)
    assert await handle.accepted() == 7


@pytest.mark.parametrize(("detail", "said"), [("not you", "not you"), ("", "forbidden")])
async def test_a_refused_handle_says_why_now_and_later(detail: str, said: str) -> None:
    known, (one, two) = handles(entry(1), entry(2))
    known.refused(MessageRefused(1, one.id, CONVERSATION, "forbidden", detail))
    known.refused(MessageRefused(1, one.id, CONVERSATION, "forbidden", detail))
    assert isinstance(one.error, Refused)
    assert (one.error.code, one.error.detail) == ("forbidden", said)
    with pytest.raises(Refused):
        await one.accepted(60)
    assert two.error is None


async def test_at_the_end_every_handle_fails_those_in_the_log_too() -> None:
    known, (one, two) = handles(entry(1), entry(2))
    known.accepted(MessageAccepted(1, one.id, CONVERSATION, 1, NOW))
    error = Refused("stopped", "the end")
    known.fail(error)
    assert one.error is error
    assert two.error is error
    for waits in (one.delivered, one.read):
        with pytest.raises(Refused):
            await waits(60)


async def test_every_wait_for_a_tick_has_the_end_that_was_asked_for() -> None:
    _, (handle,) = handles(entry(1))
    for waits in (handle.accepted, handle.delivered, handle.read):
        with pytest.raises(TimeoutError):
            await waits(0.0)
