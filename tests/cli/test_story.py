"""Events as sentences: each has one, on one line, and nothing in a message can harm a terminal."""

import json

import pytest
from msgspec import Struct

from cli.events import chosen, line
from cli.log import Readable, instant_of
from cli.names import names_in
from cli.quoting import quoted
from cli.story import described, sentence
from events.codec import EVENTS
from events.deliveries import FramesRouted, RoutedFrame
from events.topics import TOPICS
from infra.errors import UserError
from tests.events.test_schemas import EXAMPLES, event_of, value_of
from tests.examples import NOON, submitted

MESSAGE = "00000000-0000-4000-8000-000000000004"
ACCEPTED = [path for path in EXAMPLES if ".refused." not in path.name]


def example_of(event: type[Struct]) -> Struct:
    import msgspec

    path = next(path for path in ACCEPTED if event_of(path) is event)
    return msgspec.convert(value_of(path), event, strict=False)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_every_event_is_told_in_one_line(event: type[Struct]) -> None:
    said = sentence(example_of(event))
    assert said != event.__name__, "nobody wrote a sentence for it"
    assert said.isprintable()


def test_text_of_people_is_cut_and_harmless() -> None:
    assert quoted("hi") == '"hi"'
    assert quoted("a\nb") == '"a⏎b"'
    assert quoted("👨‍👩‍👧‍👦" * 40) == f'"{"👨‍👩‍👧‍👦" * 29}…"'
    assert len(quoted("x" * 1_000)) == 62
    assert quoted("\x1b[2J\nowned").isprintable()
    assert "\x1b" not in sentence(submitted(body="\x1b]0;owned\x07"))


@pytest.mark.parametrize("frame", [b"", b"nonsense", b"[]", b'{"type": 5}', b"\xff", b'{"a":1}'])
def test_a_frame_that_is_none_is_described_all_the_same(frame: bytes) -> None:
    assert described(frame)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("now", None),
        ("start", 0),
        ("90s", NOON - 90_000),
        ("1.5h", NOON - 5_400_000),
        ("1d", NOON - 86_400_000),
        ("2025-11-21T12:00:00Z", NOON),
        ("2025-11-21T12:00:00", NOON),
        ("2025-11-21T13:00:00+01:00", NOON),
        ("999999999999999d", 0),
        ("1969-12-31T23:59:59.999Z", 0),
        ("0001-01-01T00:00:00+23:00", 0),
    ],
)
def test_a_place_to_begin_may_be_said_in_many_ways(text: str, instant: int | None) -> None:
    assert instant_of(text, NOON) == instant


@pytest.mark.parametrize(
    "text", ["", "yesterday", "10", "-5m", "12:00", "5w", "9" * 400 + "d", "nan", "٣m"]
)
def test_a_place_to_begin_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UserError) as refused:
        instant_of(text, NOON)
    assert refused.value.code == "bad_instant"


def test_topics_are_chosen_by_short_and_by_full_names() -> None:
    existing = sorted([*(topic.name for topic in TOPICS), "chat.deliveries.g1", "other"])
    assert "chat.snapshots" not in chosen([], existing)
    assert chosen(["snapshots", "chat.deliveries"], existing) == [
        "chat.snapshots",
        "chat.deliveries.g1",
    ]
    assert "other" not in chosen(["all"], existing)
    with pytest.raises(UserError) as refused:
        chosen(["nonsense"], existing)
    assert refused.value.code == "no_topic"


def test_a_record_for_programs_is_json_whatever_it_holds() -> None:
    for event in EVENTS.values():
        found = Readable("chat.x", 1, 2, NOON, "k", example_of(event), "said")
        decoded = json.loads(json.dumps(found.as_json()))
        assert decoded["event"] == event.__name__
        assert decoded["value"].keys() == set(event.__struct_fields__)
    unreadable = Readable("chat.x", 1, 2, NOON, None, None, "cannot be read")
    assert json.loads(json.dumps(unreadable.as_json()))["event"] is None
    assert "cannot be read" in line(unreadable, False).plain


def test_what_readers_ignore_is_told_as_ignored() -> None:
    found = Readable("chat.conversations", 1, 2, NOON, "k", submitted(), "said")
    assert "ignored" in line(found, True).plain
    assert "ignored" not in line(found, False).plain


def test_a_record_names_users_messages_and_gateways_and_no_parts_of_names() -> None:
    message = submitted(
        sender_id="joann", conversation_id="d:bob:joann", body="ann", client_message_id=MESSAGE
    )
    names = names_in(Readable("chat.x", 1, 2, NOON, "d:bob:joann", message, "said"))
    assert {"joann", "bob", "d:bob:joann", MESSAGE} <= names
    assert "ann" not in names
    frame = b'{"type":"receipt","conversation_id":"d:ann:eve","user_id":"eve","kind":"ann"}'
    routed = FramesRouted(
        gateway_id="gateway-1",
        gateway_epoch="e",
        frames=(
            RoutedFrame(session_ids=(1,), frame=frame),
            RoutedFrame(session_ids=(2,), frame=b"\xff"),
        ),
    )
    names = names_in(Readable("chat.x", 1, 2, NOON, None, routed, "said"))
    assert names == {"gateway-1", "eve", "d:ann:eve", "ann"}
    assert names_in(Readable("chat.x", 1, 2, NOON, "ann", None, "nonsense")) == {"ann"}


def test_a_frame_whose_type_is_no_word_is_described_all_the_same() -> None:
    assert described(b'{"type": []}') == "[]"
