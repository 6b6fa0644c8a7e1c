"""What a session counts and hands on: ids of frames, times, and what is under way."""

from msgspec import structs

from edge.effects import Ask, Check, MarkAll, Submit
from edge.limits import UserRates
from edge.session import Session
from events.queries import HistoryRequested
from tests.edge.test_session import ANN, LIMITS, WALL, answer, closes, message, new, opened, text


def test_what_a_publication_leaves_in_flight_is_counted_one_by_one() -> None:
    session = opened()
    asked = [text(type="inbox", id=str(n)) for n in range(6)]
    assert all(isinstance(session.receive(one, 1.0)[0], Ask) for one in asked[: LIMITS.in_flight])
    (full,) = session.receive(asked[3], 1.0)
    assert (answer(full)["code"], answer(full)["id"]) == ("unavailable", "3")
    for ends in (session.confirmed, lambda: session.marked("1"), lambda: session.unavailable("1")):
        ends()
        (taken,) = session.receive(message(), 1.0)
        assert isinstance(taken, Submit), "one is done, so one is taken"
        (full,) = session.receive(text(type="marks", id="9", read=[["d:ann:bob", 1]]), 1.0)
        assert (answer(full)["code"], answer(full)["id"]) == ("unavailable", "9")


def test_what_a_device_showed_in_its_hello_is_kept_for_its_heads() -> None:
    session = new()
    assert session.since is None
    session.receive(text(type="hello", token="t", since="a.1"), 1.0)
    assert session.since == "a.1"


def test_the_welcome_says_when_the_token_ends() -> None:
    session = new()
    session.authenticated(ANN, 7, 1.0, WALL)
    (welcome,) = session.registered(WALL)
    assert answer(welcome)["token_expires_at"] == int(ANN.expires_at * 1000)


def test_the_time_for_hello_is_counted_from_the_connection() -> None:
    session = Session(("gateway-1", "epoch"), LIMITS, UserRates(LIMITS), 1_000.0)
    assert session.tick(1_000.0 + LIMITS.hello_seconds - 1) == ()
    assert closes(session.tick(1_000.0 + LIMITS.hello_seconds)) == [4501]


def test_a_fresh_token_is_answered_under_the_id_of_its_frame() -> None:
    assert opened().receive(text(type="token", id="5", token="t"), 1.0) == (Check("t", "5"),)


def test_watermarks_out_of_reach_are_a_mistake_under_the_id_of_their_frame() -> None:
    limits = structs.replace(LIMITS, mistake_burst=2)
    session = Session(("gateway-1", "epoch"), limits, UserRates(limits), 0.0)
    session.authenticated(ANN, 7, 0.0, WALL)
    session.registered(WALL)
    frame = text(type="marks", id="5", delivered=[["d:ann:bob", 1]], read=[["d:bob:eve", 1]])
    for _ in range(2):
        (error,) = session.receive(frame, 1.0)
        assert (answer(error)["code"], answer(error)["id"]) == ("forbidden", "5")
    assert closes(session.receive(frame, 1.0)), "very many of them end the socket"


def test_a_question_names_the_head_that_its_answer_waits_for() -> None:
    frame = text(type="fetch", id="1", conversation_id="d:ann:bob", after=3, up_to=9)
    (effect,) = opened().receive(frame, 1.0)
    assert isinstance(effect, Ask)
    assert isinstance(effect.event, HistoryRequested)
    assert (effect.event.after_seq, effect.event.up_to_seq) == (3, 9)


def test_watermarks_that_are_marked_are_confirmed_under_the_id_of_their_frame() -> None:
    (effect,) = opened().receive(text(type="marks", id="5", read=[["d:ann:bob", 1]]), 1.0)
    assert isinstance(effect, MarkAll)
    assert effect.request_id == "5"
