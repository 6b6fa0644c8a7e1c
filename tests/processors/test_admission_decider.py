"""The rules of admission: for each, it happens, it is refused, it stays quiet when repeated."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from events.conversations import SubmissionRejected, SubmissionRepeated
from events.messages import MessageSent, MessageSubmitted
from events.receipts import DeliveredMarkerMoved, Marker, MarkersSubmitted, Move, ReadMarkerMoved
from events.topics import SUBMISSIONS
from processors.admission.agent import _place
from processors.admission.decider import AHEAD_MS, STALE_MS, decide
from processors.admission.features.messages import BODY_BYTES_MAX
from processors.admission.features.receipts import moves
from processors.admission.place import Place
from processors.admission.state import (
    REMEMBERED_MS,
    PartitionState,
    add_snapshot,
    evolve,
    initial,
)
from processors.received import Received
from processors.snapshots.plan import parts
from tests.examples import ANN, BOB, CONVERSATION, EVE, LAPTOP, NOON, PHONE, message_id, submitted


def place(offset: int, at: int = NOON) -> Place:
    return Place(epoch=7, submission_offset=offset, at=at)


def after(*submissions: object, at: int = NOON) -> PartitionState:
    """The state after these submissions were decided, a second apart."""
    state = initial()
    for offset, one in enumerate(submissions):
        evolve(state, decide(state, one, place(offset, at + 1000 * offset)))
    return state


def marker(user: str, kind: str, seq: int, conversation: str = CONVERSATION) -> Marker:
    return Marker(conversation_id=conversation, user_id=user, device_id=PHONE, kind=kind, seq=seq)


def move(state: PartitionState, one: Marker, at: Place) -> Move | None:
    """The move that one marker makes."""
    submitted = MarkersSubmitted(markers=(one,))
    return next(moves(state.conversations, state.members, submitted, at), None)


def refusal(state: PartitionState, submission: object, at: int = NOON) -> str:
    decision = decide(state, submission, place(99, at))
    assert isinstance(decision, SubmissionRejected)
    return decision.code


def test_a_first_message_is_sent_as_seq_1() -> None:
    assert decide(initial(), submitted(1, reply_to_seq=None), place(5)) == MessageSent(
        conversation_id=CONVERSATION,
        seq=1,
        message_number=1,
        sender_id=ANN,
        device_id=PHONE,
        client_message_id=message_id(1),
        kind="text",
        body="message 1",
        reply_to_seq=None,
        sent_at=NOON,
        epoch=7,
        submission_offset=5,
    )


def test_messages_of_both_sides_share_one_order() -> None:
    state = after(submitted(1), submitted(2, sender_id=BOB))
    third = decide(state, submitted(3), place(2))
    assert isinstance(third, MessageSent)
    assert third.seq == 3


def test_a_retry_is_answered_with_the_first_seq_and_its_body_is_not_replaced() -> None:
    state = after(submitted(1), submitted(2))
    again = decide(state, submitted(1, body="something else"), place(9))
    assert isinstance(again, SubmissionRepeated)
    assert (again.seq, again.sent_at) == (1, NOON)


def test_the_same_message_id_of_another_device_or_user_is_another_message() -> None:
    state = after(submitted(1))
    for other in (submitted(1, device_id=LAPTOP), submitted(1, sender_id=BOB)):
        assert isinstance(decide(state, other, place(9)), MessageSent)


def test_a_stranger_is_refused_whether_or_not_the_conversation_exists() -> None:
    exists = decide(after(submitted(1)), submitted(1, sender_id=EVE), place(9))
    unknown = decide(initial(), submitted(1, sender_id=EVE), place(9))
    assert exists == unknown
    assert isinstance(exists, SubmissionRejected)
    assert exists.code == "forbidden"


def test_what_names_no_conversation_is_refused() -> None:
    for name in ("d:bob:ann", "x", "d::ann", "d:ann:bob:eve", "d:ann:b/b", "d:ann:" + "b" * 70):
        assert refusal(initial(), submitted(1, conversation_id=name)) == "forbidden"


def made(number: int, at: int, **changes: object) -> MessageSubmitted:
    """A submission whose id was made at an instant."""
    return submitted(number, client_message_id=message_id(number, at), **changes)


def test_an_id_is_judged_by_the_time_it_holds_whatever_else_is_said() -> None:
    for more in ({}, {"first_sent_at": NOON}, {"submitted_at": NOON}):
        old = made(1, NOON - STALE_MS - 1, **more)
        assert refusal(initial(), old) == "stale"
        assert refusal(initial(), made(1, NOON + AHEAD_MS + 1, **more)) == "too_early"
    for at in (NOON - STALE_MS, NOON, NOON + AHEAD_MS):
        assert isinstance(decide(initial(), made(1, at), place(0)), MessageSent)


def test_ids_without_a_time_of_older_gateways_are_judged_as_they_were() -> None:
    old = "00000000-0000-4000-8000-000000000001"
    resent = submitted(client_message_id=old, first_sent_at=NOON - STALE_MS - 1)
    assert refusal(initial(), resent) == "stale"
    assert isinstance(decide(initial(), submitted(client_message_id=old), place(0)), MessageSent)


def test_after_a_message_that_may_be_forgotten_means_sync_and_never_send_that_one_first() -> None:
    forgotten = message_id(1, NOON - STALE_MS - 1)
    assert refusal(initial(), made(2, NOON, after=forgotten)) == "unknown_after"
    missing = message_id(1, NOON - STALE_MS)
    assert refusal(initial(), made(2, NOON, after=missing)) == "out_of_order"


minutes = st.integers(-40, 40).map(lambda minute: NOON + minute * 60_000)


@settings(max_examples=500)
@given(minutes, st.lists(st.tuples(st.integers(1, 3), minutes), max_size=30))
def test_an_id_is_admitted_once_and_never_after_it_was_called_stale(
    made_at: int, copies: list[tuple[int, int]]
) -> None:
    """Whatever the times at which copies come in between others; the log's time never falls."""
    state, admitted, stale = initial(), 0, False
    for offset, (number, at) in enumerate(sorted(copies, key=lambda copy: copy[1])):
        id_time = made_at if number == 1 else at
        decision = decide(state, made(number, id_time), place(offset, at))
        evolve(state, decision)
        if number == 1:
            assert not (stale and isinstance(decision, MessageSent))
            admitted += isinstance(decision, MessageSent)
            stale |= isinstance(decision, SubmissionRejected) and decision.code == "stale"
    assert admitted <= 1


def test_ids_are_remembered_while_they_may_be_admitted_again() -> None:
    assert REMEMBERED_MS >= STALE_MS + AHEAD_MS
    state = after(submitted(1))
    evolve(state, decide(state, made(2, NOON + REMEMBERED_MS), place(1, NOON + REMEMBERED_MS)))
    assert isinstance(decide(state, submitted(1), place(2)), SubmissionRepeated)
    later = NOON + REMEMBERED_MS + 1
    evolve(state, decide(state, made(3, later), place(2, later)))
    assert len(state.remembered) == 2


def received(at: int, submitted_at: int | None) -> Received:
    event = submitted(submitted_at=submitted_at)
    return Received(event, SUBMISSIONS.name, 0, 1, at, None)


def test_a_broker_clock_far_ahead_moves_the_logs_time_no_further_than_clocks_may_differ() -> None:
    day = 86_400_000
    state = PartitionState(newest_at=NOON)
    assert _place(state, received(NOON + day, NOON)).at == NOON + AHEAD_MS
    assert _place(state, received(NOON + 1_000, NOON + day)).at == NOON + 1_000
    assert _place(state, received(NOON - day, NOON)).at == NOON, "time never falls"
    assert _place(state, received(NOON + day, None)).at == NOON + day, "of an older gateway"


def test_a_message_after_one_that_is_missing_is_refused_and_passes_once_it_is_there() -> None:
    later = submitted(2, after=message_id(1))
    assert refusal(initial(), later) == "out_of_order"
    assert isinstance(decide(after(submitted(1)), later, place(1)), MessageSent)


def test_size_kind_and_reply_are_checked() -> None:
    assert refusal(initial(), submitted(1, body="ä" * (BODY_BYTES_MAX // 2 + 1))) == "too_large"
    assert refusal(initial(), submitted(1, kind="hologram")) == "unknown_kind"
    assert refusal(after(submitted(1)), submitted(2, reply_to_seq=2)) == "unknown_reply"
    fits = decide(initial(), submitted(1, body="ä" * (BODY_BYTES_MAX // 2)), place(0))
    assert isinstance(fits, MessageSent)


def test_what_can_never_be_accepted_is_told_before_what_may_pass_later() -> None:
    """Or its client would wait, or take another id, for nothing."""
    late = submitted(1, kind="hologram", client_message_id=message_id(1, NOON - STALE_MS - 1))
    assert refusal(initial(), late) == "unknown_kind"
    ahead = submitted(1, kind="hologram", client_message_id=message_id(1, NOON + AHEAD_MS + 1))
    assert refusal(initial(), ahead) == "unknown_kind"
    assert refusal(initial(), submitted(2, kind="hologram", after=message_id(1))) == "unknown_kind"


def test_a_marker_moves_once_never_back_and_never_beyond_the_newest() -> None:
    state = after(submitted(1), submitted(2))
    moved = move(state, marker(BOB, "delivered", 99), place(9))
    assert isinstance(moved, DeliveredMarkerMoved)
    assert moved.seq == 2
    evolve(state, moved)
    assert move(state, marker(BOB, "delivered", 2), place(10)) is None
    assert move(state, marker(BOB, "delivered", 1), place(10)) is None


def test_reading_implies_delivery() -> None:
    state = after(submitted(1))
    moved = move(state, marker(BOB, "read", 1), place(9))
    assert isinstance(moved, ReadMarkerMoved)
    evolve(state, moved)
    assert move(state, marker(BOB, "delivered", 1), place(10)) is None


def test_markers_of_strangers_and_of_unknown_conversations_move_nothing() -> None:
    assert move(after(submitted(1)), marker(EVE, "read", 1), place(9)) is None
    assert move(initial(), marker(BOB, "read", 1), place(9)) is None


attempts = st.lists(
    st.builds(
        submitted,
        st.integers(1, 4),
        sender_id=st.sampled_from([ANN, BOB, EVE]),
        after=st.none() | st.integers(1, 4).map(message_id),
        conversation_id=st.sampled_from([CONVERSATION, "d:ann:eve", "nonsense"]),
    ),
    max_size=30,
)


@settings(max_examples=300)
@given(attempts)
def test_whatever_is_submitted_seq_has_no_gap_and_deciding_twice_adds_nothing(
    submissions: list[object],
) -> None:
    state, seqs = initial(), {}
    for offset, one in enumerate(submissions):
        decision = decide(state, one, place(offset))
        evolve(state, decision)
        if isinstance(decision, MessageSent):
            assert decision.seq == seqs.get(decision.conversation_id, 0) + 1
            seqs[decision.conversation_id] = decision.seq
            assert isinstance(decide(state, one, place(offset + 1)), SubmissionRepeated)
    assert state.submission_offset == len(submissions) - 1


@settings(max_examples=200)
@given(attempts, st.integers(0, 30))
def test_a_state_restored_from_a_snapshot_decides_like_the_one_it_was_taken_from(
    submissions: list[object], cut: int
) -> None:
    whole = after(*submissions[:cut])
    restored = initial()
    for part in parts(whole):
        add_snapshot(restored, part.conversations, part.remembered)
    assert list(parts(restored)) == [
        msgspec.structs.replace(part, fact_offset=0, receipt_offset=0) for part in parts(whole)
    ]
    assert restored.conversations == whole.conversations
    assert restored.remembered == whole.remembered
    restored.newest_at = whole.newest_at
    restored.submission_offset = whole.submission_offset
    for offset, one in enumerate(submissions[cut:], cut):
        decision = decide(whole, one, place(offset))
        assert decide(restored, one, place(offset)) == decision
        evolve(whole, decision)
        evolve(restored, decision)


def test_a_state_in_which_all_was_refused_is_one_empty_part() -> None:
    assert [(part.conversations, part.remembered) for part in parts(initial())] == [((), b"")]


def test_a_move_that_comes_late_lowers_nothing() -> None:
    state = after(submitted(1), submitted(2))
    first = move(state, marker(BOB, "read", 1), place(8))
    second = move(state, marker(BOB, "read", 2), place(9))
    assert first is not None
    assert second is not None
    evolve(state, second)
    evolve(state, first)
    assert state.conversation(CONVERSATION).marker(BOB, "read") == 2


def test_a_refusal_says_what_to_do() -> None:
    def detail(submission: MessageSubmitted) -> str:
        decision = decide(initial(), submission, place(0))
        assert isinstance(decision, SubmissionRejected)
        return decision.detail

    old = message_id(1, NOON - STALE_MS - 1)
    known = "This server knows no such kind of message."
    assert detail(submitted(1, kind="video")) == known
    first = "An earlier message is missing: send that one first."
    assert detail(submitted(2, after=message_id(1))) == first
    sync = "The one before it is too old to be known: sync first."
    assert detail(submitted(2, after=old)) == sync
