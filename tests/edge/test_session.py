"""One client's conversation: what it may say when, and what follows."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from edge.effects import Ask, Check, Close, Effect, Mark, MarkAll, Refuse, Reply, Submit
from edge.features.receipts import MARKS_MAX
from edge.limits import Limits, UserRates
from edge.session import EARLY_MAX, STRIKES_MAX, Session
from edge.tokens import Principal, Refusal
from events.messages import MessageSubmitted
from events.queries import HeadsRequested, HistoryRequested, InboxRequested
from events.receipts import Marker

ID = "0190f3a2-1111-7222-8333-444455556666"
OTHER_ID = "0190f3a2-1111-7222-8333-444455556667"
WALL = 1_700_000_000.0
ANN = Principal("ann", "phone", WALL + 600)
LIMITS = Limits(
    sends_per_minute=60,
    send_burst=5,
    queries_per_minute=120,
    query_burst=4,
    frames_per_minute=600,
    frame_burst=50,
    in_flight=3,
)


def new(users: UserRates | None = None) -> Session:
    return Session(("gateway-1", "epoch"), LIMITS, users or UserRates(LIMITS), 0.0)


def opened(users: UserRates | None = None, principal: Principal = ANN) -> Session:
    session = new(users)
    session.authenticated(principal, 7, 0.0, WALL)
    session.registered(WALL)
    return session


def text(**fields: Any) -> str:
    return json.dumps(fields)


def message(**fields: Any) -> str:
    return text(**{"type": "send", "id": ID, "to": "bob", "body": "hello", **fields})


def answer(effect: Effect) -> dict[str, Any]:
    assert isinstance(effect, Reply | Refuse)
    value: dict[str, Any] = json.loads(effect.frame)
    return value


def closes(effects: Sequence[Effect]) -> list[int]:
    return [int(effect.code) for effect in effects if isinstance(effect, Close)]


def test_a_client_says_hello_and_is_welcomed() -> None:
    session = new()
    assert session.receive(text(type="hello", token="t"), 1.0) == (Check("t"),)
    assert session.authenticated(ANN, 7, 1.0, WALL) == (), "nobody can reach it yet"
    (reply,) = session.registered(WALL)
    assert session.registered(WALL) == ()
    welcome = answer(reply)
    assert welcome["type"] == "welcome"
    assert (welcome["user_id"], welcome["device_id"]) == ("ann", "phone")
    assert (welcome["session_id"], welcome["server_time"]) == ("7", int(WALL * 1000))
    assert welcome["limits"]["sends_per_minute"] == 60


@pytest.mark.parametrize(
    "frame", [message(), text(type="inbox", id="1"), text(type="token", token="t")]
)
def test_nothing_but_hello_before_authentication(frame: str) -> None:
    assert new().receive(frame, 1.0) == (Close(4501, "hello_first"),)  # type: ignore[arg-type]


def test_nothing_is_submitted_or_asked_before_an_answer_would_come_back() -> None:
    session = new()
    session.authenticated(ANN, 7, 1.0, WALL)
    for frame in (
        message(),
        text(type="inbox", id=ID),
        text(type="fetch", id=ID, conversation_id="d:ann:bob", after=0),
        text(type="heads", id=ID, cursor="a.1"),
        text(type="marks", id=ID, read=[["d:ann:bob", 1]]),
    ):
        assert session.receive(frame, 1.0) == ()
    welcome, *errors = session.registered(WALL)
    assert answer(welcome)["type"] == "welcome"
    assert len(errors) == 5
    for error in errors:
        assert (answer(error)["code"], answer(error)["id"]) == ("unavailable", ID)
        assert answer(error)["retry_after_seconds"] > 0
    (effect,) = session.receive(message(), 1.0)
    assert isinstance(effect, Submit)


def test_no_answer_of_any_kind_comes_before_the_welcome() -> None:
    session = new()
    session.authenticated(ANN, 7, 1.0, WALL)
    assert session.receive("nonsense", 1.0) == ()
    assert session.receive(text(type="hello", token="t"), 1.0) == ()
    assert session.refused(Refusal("the token has expired"), "1") == ()
    assert session.authenticated(ANN, 0, 1.0, WALL, "2") == ()
    said = [answer(one) for one in session.registered(WALL)]
    assert [one["type"] for one in said] == ["welcome", "error", "error", "error", "token"]


def test_who_asks_much_before_the_welcome_is_sent_away() -> None:
    session = new(UserRates(LIMITS))
    session.authenticated(ANN, 7, 1.0, WALL)
    seen = [session.receive(text(type="inbox", id="1"), 1.0 + n / 10) for n in range(EARLY_MAX + 1)]
    assert set(seen[:-1]) == {()}
    assert len(closes(seen[-1])) == 1


def test_a_token_that_ends_earlier_does_not_shorten_the_session() -> None:
    session = opened()
    earlier = Principal("ann", "phone", WALL + 500)
    (reply,) = session.authenticated(earlier, 0, 1.0, WALL + 1, "t")
    assert answer(reply)["expires_at"] == int(ANN.expires_at * 1000)
    assert session.principal == ANN
    assert session.tick(599.0) == ()
    assert closes(session.tick(600.0)) == [4003]


def test_who_is_not_registered_in_time_is_told_to_come_later() -> None:
    session = new()
    session.authenticated(ANN, 7, 1.0, WALL)
    assert session.tick(10.9) == ()
    assert closes(session.tick(11.0)) == [1013]
    session = opened()
    assert session.tick(11.0) == ()


def test_without_hello_in_time_it_ends() -> None:
    session = new()
    assert session.tick(4.9) == ()
    assert closes(session.tick(5.0)) == [4501]


def test_a_refused_token_ends_it() -> None:
    error, close = new().refused(Refusal("expired"))
    assert answer(error)["code"] == "not_authenticated"
    assert closes([close]) == [4501]


def test_a_message_is_submitted_in_the_name_of_the_token() -> None:
    (effect,) = opened().receive(message(reply_to=2, after=OTHER_ID), 1.0)
    assert effect == Submit(
        MessageSubmitted(
            conversation_id="d:ann:bob",
            sender_id="ann",
            device_id="phone",
            client_message_id=ID,
            kind="text",
            body="hello",
            reply_to_seq=2,
            after=OTHER_ID,
        ),
        "d:ann:bob",
        ID,
    )


@pytest.mark.parametrize(
    ("where", "conversation_id"),
    [
        ({"to": "bob"}, "d:ann:bob"),
        ({"to": "aaron"}, "d:aaron:ann"),
        ({"to": "ann"}, "d:ann:ann"),
        ({"to": "d:ann:bob"}, "d:ann:bob"),
        ({"to": None, "conversation_id": "d:ann:carl"}, "d:ann:carl"),
    ],
)
def test_a_message_goes_to_the_conversation_that_is_named(where: Any, conversation_id: str) -> None:
    (effect,) = opened().receive(message(**where), 1.0)
    assert isinstance(effect, Submit)
    assert effect.event.conversation_id == conversation_id  # type: ignore[attr-defined]
    assert effect.key == conversation_id


def test_what_can_never_be_admitted_does_not_reach_the_log() -> None:
    session = opened()
    for conversation_id in ("d:bob:carl", "d:bob:ann", "nonsense", "d:ann:bob:carl"):
        (error,) = session.receive(message(to=None, conversation_id=conversation_id), 1.0)
        assert (answer(error)["code"], answer(error)["id"]) == ("forbidden", ID)
        for kind in ("delivered", "read"):
            mark = text(type=kind, conversation_id=conversation_id, seq=1)
            (error,) = session.receive(mark, 1.0)
            assert answer(error)["code"] == "forbidden"


def test_watermarks_of_a_user_are_limited_over_all_sockets() -> None:
    users = UserRates(Limits(marks_per_minute=60, mark_burst=3))
    one, other = opened(users), opened(users)
    mark = text(type="read", conversation_id="d:ann:bob", seq=1)
    for session in (one, other, one):
        assert isinstance(session.receive(mark, 1.0)[0], Mark)
    (error,) = other.receive(mark, 1.0)
    assert (answer(error)["code"], answer(error)["retry_after_seconds"]) == ("rate_limited", 1.0)
    assert isinstance(other.receive(mark, 2.0)[0], Mark)


@pytest.mark.parametrize("kind", ["delivered", "read"])
def test_markers_are_marked_for_the_device_of_the_token(kind: str) -> None:
    (effect,) = opened().receive(text(type=kind, conversation_id="d:ann:bob", seq=4), 1.0)
    assert effect == Mark(
        Marker(conversation_id="d:ann:bob", user_id="ann", device_id="phone", kind=kind, seq=4)  # type: ignore[arg-type]
    )


def test_many_watermarks_are_marked_together_and_confirmed() -> None:
    session = opened()
    marks = {"delivered": [["d:ann:bob", 4], ["d:ann:cid", 2]], "read": [["d:ann:bob", 3]]}
    (effect,) = session.receive(text(type="marks", id="m", **marks), 1.0)
    assert isinstance(effect, MarkAll)
    assert [(one.kind, one.conversation_id, one.seq) for one in effect.markers] == [
        ("delivered", "d:ann:bob", 4),
        ("delivered", "d:ann:cid", 2),
        ("read", "d:ann:bob", 3),
    ]
    assert {(one.user_id, one.device_id) for one in effect.markers} == {("ann", "phone")}
    (reply,) = session.marked("m")
    assert answer(reply) == {"type": "marked", "id": "m"}


def test_watermarks_are_limited_by_their_number_and_all_or_none_of_a_frame_is_taken() -> None:
    limits = structs.replace(LIMITS, marks_per_minute=60, mark_burst=4)
    users = UserRates(limits)
    session = Session(("gateway-1", "epoch"), limits, users, 0.0)
    session.authenticated(ANN, 7, 0.0, WALL)
    session.registered(WALL)
    three = {"read": [[f"d:ann:b{n}", 1] for n in range(3)]}
    assert isinstance(session.receive(text(type="marks", id="m", **three), 1.0)[0], MarkAll)
    limited = answer(session.receive(text(type="marks", id="n", **three), 1.0)[0])
    assert (limited["code"], limited["id"]) == ("rate_limited", "n")
    assert limited["retry_after_seconds"] == 2.0
    one = text(type="read", conversation_id="d:ann:bob", seq=4)
    assert isinstance(session.receive(one, 1.0)[0], Mark)
    assert answer(session.receive(one, 1.0)[0])["code"] == "rate_limited"
    assert isinstance(session.receive(text(type="marks", id="n", **three), 4.0)[0], MarkAll)


def test_no_more_frames_of_watermarks_wait_for_kafka_than_may() -> None:
    session = opened()
    frame = text(type="marks", id="m", read=[["d:ann:bob", 1]])
    for _ in range(LIMITS.in_flight):
        assert isinstance(session.receive(frame, 1.0)[0], MarkAll)
    assert answer(session.receive(frame, 1.0)[0])["code"] == "unavailable"
    session.marked("m")
    assert isinstance(session.receive(frame, 1.0)[0], MarkAll)


@pytest.mark.parametrize(
    "marks",
    [
        {},
        {"read": [["d:ann:bob", 0]]},
        {"read": [["no id", 1]]},
        {"read": [["d:ann:bob"]]},
        {"delivered": [["d:ann:bob", 1]] * (MARKS_MAX + 1)},
    ],
)
def test_bad_watermarks_are_refused_as_a_whole(marks: Any) -> None:
    (error,) = opened().receive(text(type="marks", id="m", **marks), 1.0)
    assert (answer(error)["code"], answer(error)["id"]) == ("bad_request", "m")


def test_questions_are_asked_with_the_way_back() -> None:
    session = opened()
    (fetch,) = session.receive(
        text(type="fetch", id="q", conversation_id="d:ann:bob", before=9, limit=5), 1.0
    )
    (inbox,) = session.receive(text(type="inbox", id="r", cursor="a.2"), 1.0)
    (heads,) = session.receive(text(type="heads", id="s", cursor="a.1"), 1.0)
    way_back = {
        "user_id": "ann",
        "device_id": "phone",
        "gateway_id": "gateway-1",
        "gateway_epoch": "epoch",
        "session_id": 7,
    }
    assert fetch == Ask(
        HistoryRequested(
            request_id="q", conversation_id="d:ann:bob", before_seq=9, limit=5, **way_back
        ),
        "ann",
        "q",
    )
    asked = InboxRequested(request_id="r", limit=50, cursor="a.2", **way_back)
    assert inbox == Ask(asked, "ann", "r")
    assert heads == Ask(HeadsRequested(request_id="s", cursor="a.1", **way_back), "ann", "s")


def test_three_bad_frames_end_it() -> None:
    session = opened()
    for _ in range(STRIKES_MAX - 1):
        (error,) = session.receive("{", 1.0)
        assert answer(error)["code"] == "bad_request"
    assert closes(session.receive("{", 1.0)) == [1008]


def test_strikes_are_forgotten() -> None:
    session = opened()
    for minute in range(10):
        assert closes(session.receive("{", 61.0 * minute)) == []


def test_wrong_contents_are_answered_and_end_the_socket_only_when_there_are_very_many() -> None:
    session = Session(("gateway-1", "epoch"), Limits(), UserRates(Limits()), 0.0)
    session.authenticated(ANN, 7, 0.0, WALL)
    session.registered(WALL)
    wrong = (message(body=""), message(to="Bob"), text(type="fetch", id=ID), message(body=5))
    for number in range(Limits().mistake_burst):
        (error,) = session.receive(wrong[number % len(wrong)], 1.0)
        assert (answer(error)["code"], answer(error)["id"]) == ("bad_request", ID)
    error, close = session.receive(wrong[0], 1.0)
    assert answer(error)["retry_after_seconds"] > 0
    assert closes([close]) == [4008]


def test_what_is_only_unknown_or_too_large_is_no_strike() -> None:
    session = opened()
    for _ in range(10):
        assert closes(session.receive(text(type="dance"), 1.0)) == []
        (error,) = session.receive(message(body="x" * 70_000), 1.0)
        assert (answer(error)["code"], answer(error)["id"]) == ("too_large", ID)


def test_a_second_hello_is_a_bad_request() -> None:
    (error,) = opened().receive(text(type="hello", token="t"), 1.0)
    assert answer(error)["code"] == "bad_request"


def test_too_many_messages_are_told_when_to_come_again() -> None:
    session = opened()
    for _ in range(5):
        (effect,) = session.receive(message(), 1.0)
        assert isinstance(effect, Submit)
        session.confirmed()
    (error,) = session.receive(message(), 1.0)
    limited = answer(error)
    assert (limited["code"], limited["id"], limited["retry_after_seconds"]) == (
        "rate_limited",
        ID,
        1.0,
    )
    (effect,) = session.receive(message(), 2.0)
    assert isinstance(effect, Submit)


def test_the_messages_of_a_user_count_together_and_those_of_another_do_not() -> None:
    users = UserRates(LIMITS)
    phone, laptop = opened(users), opened(users, Principal("ann", "laptop", WALL + 600))
    bob = opened(users, Principal("bob", "phone", WALL + 600))
    for session in (phone, laptop, phone, laptop, phone):
        (effect,) = session.receive(message(), 1.0)
        assert isinstance(effect, Submit)
        session.confirmed()
    for session in (phone, laptop):
        (error,) = session.receive(message(), 1.0)
        assert answer(error)["code"] == "rate_limited"
    (effect,) = bob.receive(message(), 1.0)
    assert isinstance(effect, Submit)


def test_too_many_questions_are_told_when_to_come_again() -> None:
    session = opened()
    for number in range(4):
        (effect,) = session.receive(text(type="inbox", id=f"q{number}"), 1.0)
        assert isinstance(effect, Ask)
        session.confirmed()
    (error,) = session.receive(
        text(type="fetch", id="q", conversation_id="d:ann:bob", before=9), 1.0
    )
    limited = answer(error)
    assert (limited["code"], limited["id"], limited["retry_after_seconds"]) == (
        "rate_limited",
        "q",
        0.5,
    )
    (effect,) = session.receive(message(), 1.0)  # another allowance
    assert isinstance(effect, Submit)


def test_one_device_too_many_is_sent_away_for_a_while() -> None:
    error, close = new().refused_for_room()
    assert answer(error)["code"] == "rate_limited"
    assert answer(error)["retry_after_seconds"] == 60.0
    assert closes([close]) == [4008]


def test_a_token_that_was_not_looked_at_is_told_when_it_will_be() -> None:
    error, close = new().refused(Refusal("too many bad tokens", wait_seconds=7.5))
    assert (answer(error)["code"], answer(error)["retry_after_seconds"]) == ("rate_limited", 7.5)
    assert closes([close]) == [4008]


def test_a_flood_of_any_frames_ends_it() -> None:
    session = opened()
    outcomes = [closes(session.control(1.0)) for _ in range(51)]
    assert outcomes == [[]] * 50 + [[4008]]
    assert closes(session.receive("{}", 1.0)) == [4008]


def test_what_waits_for_kafka_is_bounded_and_the_same_may_be_sent_again() -> None:
    session = opened()
    for _ in range(3):
        session.receive(text(type="inbox", id="r"), 1.0)
    (error,) = session.receive(message(), 1.0)
    refused = answer(error)
    assert (refused["code"], refused["id"]) == ("unavailable", ID)
    assert refused["retry_after_seconds"] > 0
    session.confirmed()
    (effect,) = session.receive(message(), 1.0)
    assert isinstance(effect, Submit)


def test_what_kafka_did_not_take_is_told_and_makes_room() -> None:
    session = opened()
    for _ in range(3):
        session.receive(message(), 1.0)
    (error,) = session.unavailable(ID)
    assert (answer(error)["code"], answer(error)["id"]) == ("unavailable", ID)
    (effect,) = session.receive(message(), 1.0)
    assert isinstance(effect, Submit)


def test_an_expired_token_ends_it_unless_a_fresh_one_came() -> None:
    session = opened()
    assert session.tick(599.0) == ()
    assert session.receive(text(type="token", token="t2"), 599.0) == (Check("t2"),)
    (reply,) = session.authenticated(
        Principal("ann", "phone", WALL + 1200), 0, 599.0, WALL + 599, "t"
    )
    expires_at = int((WALL + 1200) * 1000)
    assert answer(reply) == {"type": "token", "id": "t", "expires_at": expires_at}
    assert session.tick(1199.0) == ()
    assert closes(session.tick(1200.0)) == [4003]


@pytest.mark.parametrize("other", [("bob", "phone"), ("ann", "laptop")])
def test_a_fresh_token_of_another_device_changes_nothing(other: tuple[str, str]) -> None:
    session = opened()
    (error,) = session.authenticated(Principal(*other, WALL + 900), 0, 1.0, WALL, "t")
    assert (answer(error)["code"], answer(error)["id"]) == ("not_authenticated", "t")
    assert session.principal == ANN
    assert closes(session.tick(600.0)) == [4003]


def test_a_bad_token_in_an_open_session_is_an_error_and_the_session_goes_on() -> None:
    session = opened()
    (error,) = session.refused(Refusal("the token has expired"), "t")
    assert (answer(error)["code"], answer(error)["id"]) == ("not_authenticated", "t")
    (error,) = session.refused(Refusal("too many bad tokens", wait_seconds=7.5), "t")
    assert (answer(error)["code"], answer(error)["retry_after_seconds"]) == ("rate_limited", 7.5)
    assert isinstance(session.receive(message(), 599.0)[0], Submit)
    assert closes(session.tick(600.0)) == [4003]


def test_no_frame_is_taken_after_the_tokens_time_also_before_anything_noticed_it() -> None:
    for frame in (message(), text(type="token", token="t2"), text(type="inbox", id="q")):
        assert closes(opened().receive(frame, 600.0)) == [4003]


def test_tokens_of_a_session_are_limited() -> None:
    session = opened()
    outcomes = [session.receive(text(type="token", token="t", id="t"), 1.0) for _ in range(21)]
    assert all(isinstance(effect, Check) for (effect,) in outcomes[:-1])
    ((error,),) = outcomes[-1:]
    assert (answer(error)["code"], answer(error)["id"]) == ("rate_limited", "t")


frames = st.sampled_from(
    [
        message(),
        message(to="ann"),
        message(sender_id="eve", to="d:bob:carl"),
        text(type="delivered", conversation_id="d:ann:bob", seq=1),
        text(type="read", conversation_id="d:bob:carl", seq=2),
        text(type="fetch", id="q", conversation_id="d:ann:bob", after=0),
        text(type="inbox", id="q"),
        text(type="token", token="t"),
        text(type="hello", token="t"),
        text(type="dance"),
        "{",
    ]
)
steps = st.lists(
    st.tuples(frames | st.sampled_from(["confirmed", "unavailable", "tick"]), st.floats(0, 2)),
    max_size=80,
)


@given(steps)
def test_whatever_is_said_nobody_else_speaks_and_the_bounds_hold(
    said: list[tuple[str, float]],
) -> None:
    session = opened()
    now, waiting, published = 0.0, 0, 0
    for what, wait in said:
        now += wait
        if what == "confirmed":
            if waiting:
                session.confirmed()
                waiting -= 1
            continue
        if what == "unavailable":
            if waiting:
                session.unavailable(ID)
                waiting -= 1
            continue
        effects = session.tick(now) if what == "tick" else session.receive(what, now)
        for effect in effects:
            if isinstance(effect, Submit | Ask):
                waiting += 1
                event = effect.event
                published += isinstance(event, MessageSubmitted)
                who = getattr(event, "sender_id", None) or event.user_id  # type: ignore[attr-defined]
                assert (who, event.device_id) == ("ann", "phone")  # type: ignore[attr-defined]
            elif isinstance(effect, Mark):
                assert (effect.marker.user_id, effect.marker.device_id) == ("ann", "phone")
        assert waiting <= LIMITS.in_flight
        assert published <= LIMITS.send_burst + now * LIMITS.sends_per_minute / 60 + 1e-6
        if closes(effects):
            return
