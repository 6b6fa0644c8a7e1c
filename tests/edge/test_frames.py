"""Client frames: what is taken, what is refused, and that nothing else comes out of a text."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.features.messages import BODY_BYTES_MAX, Send
from edge.features.receipts import Delivered, Read
from edge.fields import Problem
from edge.frames import FRAME_BYTES_MAX, TYPES, Fetch, Heads, Hello, Inbox, Token, parse
from edge.strict_json import NotTaken, decode, decode_slowly

ID = "0190f3a2-1111-7222-8333-444455556666"
SEND = {"type": "send", "id": ID, "to": "bob", "body": "hello"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def taken(**fields: Any) -> Any:
    return parse(json.dumps({**SEND, **fields}))


def without(*names: str, **fields: Any) -> Any:
    return parse(json.dumps({k: v for k, v in {**SEND, **fields}.items() if k not in names}))


def code_of(frame: Any) -> str:
    assert isinstance(frame, Problem), frame
    return frame.code.value


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('{"type":"hello","token":"t"}', Hello("t")),
        ('{"type":"token","token":"t"}', Token("t")),
        ('{"type":"delivered","conversation_id":"d:ann:bob","seq":3}', Delivered("d:ann:bob", 3)),
        ('{"type":"read","conversation_id":"d:ann:bob","seq":3}', Read("d:ann:bob", 3)),
        (
            '{"type":"fetch","id":"1","conversation_id":"d:ann:bob","after":0,"up_to":9}',
            Fetch(id="1", conversation_id="d:ann:bob", after=0, up_to=9),
        ),
        ('{"type":"hello","token":"t","since":"a.1"}', Hello("t", "a.1")),
        ('{"type":"inbox","id":"1","limit":50}', Inbox(id="1")),
        ('{"type":"inbox","id":"1","cursor":"a.1"}', Inbox(id="1", cursor="a.1")),
        ('{"type":"heads","id":"1","cursor":"a.1"}', Heads(id="1", cursor="a.1")),
    ],
)
def test_each_frame_is_understood(text: str, frame: Any) -> None:
    assert parse(text) == frame


def test_a_message_with_everything() -> None:
    given_fields = {"reply_to": 4, "after": ID}
    expected = Send(id=ID, to="bob", body="hello", **given_fields)  # type: ignore[arg-type]
    assert taken(kind="text", **given_fields) == expected


@pytest.mark.parametrize("name", ["sender_id", "seq", "sent_at", "device_id", "epoch", "cursor"])
def test_a_field_that_a_frame_does_not_know_is_refused_by_its_name(name: str) -> None:
    problem = taken(**{name: 1})
    assert isinstance(problem, Problem)
    assert (problem.code.value, problem.request_id) == ("bad_request", ID)
    assert f"`{name}`" in problem.detail
    assert not problem.strike, "a newer client is no abuser"


@pytest.mark.parametrize("name", sorted(TYPES))
def test_every_frame_without_its_fields_is_refused(name: str) -> None:
    if name != "inbox":
        assert code_of(parse(json.dumps({"type": name}))) == "bad_request"
    assert code_of(parse(json.dumps({"type": name, "id": 5, "token": 5}))) == "bad_request"


@pytest.mark.parametrize(
    ("text", "request_id"),
    [
        ('{"type":"inbox","id":"7","x":1e400}', "7"),
        ('{"type":"inbox","x":NaN,"id":"7"}', "7"),
        ('{"type":"inbox","id":"7","x":{"id":1,"id":2}}', "7"),
        ('{"type":"inbox","id":"7","limit":' + "1" * 5_000 + "}", "7"),
        ('{"type":"inbox","id":"7","id":"8"}', None),
        ('{"type":"inbox","\\u0069d":"7","id":"8"}', None),
        ('{"type":"inbox","id":"7","x":', None),
        ('{"type":"inbox","id":"\\ud800","x":NaN}', None),
        ('{"type":"inbox","id":7,"x":NaN}', None),
        ('[{"id":"7","x":NaN}]', None),
    ],
)
def test_a_refusal_of_strict_json_names_the_request_where_all_readers_agree_on_it(
    text: str, request_id: str | None
) -> None:
    problem = parse(text)
    assert isinstance(problem, Problem)
    assert (problem.request_id, problem.strike) == (request_id, True)


def test_wrong_contents_are_no_strike() -> None:
    for wrong in ({"body": ""}, {"to": "Bob"}, {"id": "x"}, {"kind": "dance"}, {"body": 5}):
        problem = taken(**wrong)
        assert isinstance(problem, Problem)
        assert not problem.strike


def test_a_field_that_is_not_known_is_named_and_the_answer_stays_short() -> None:
    short, long = taken(mood="good"), taken(**{"x" * 100_000: 1})
    assert isinstance(short, Problem)
    assert "`mood`" in short.detail
    assert isinstance(long, Problem)
    assert long.code == "bad_request"
    assert len(long.detail) <= 300


def test_an_unknown_type_is_no_strike_and_names_the_request() -> None:
    assert parse('{"type":"dance","id":"7"}') == Problem(
        parse('{"type":"dance"}').code, "There is no such type of frame.", "7", strike=False
    )
    assert code_of(parse('{"type":"dance"}')) == "unknown_type"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "null",
        "[]",
        '"hello"',
        "5",
        "{}",
        '{"type":5}',
        '{"type":null}',
        '{"type":["send"]}',
        "[" * 10_000 + "]" * 10_000,
        '{"type":"inbox","id":"1","x":' + "[" * 10_000 + "]" * 10_000 + "}",
        '{"type":"inbox","id":"1","x":' + '{"a":' * 10_000 + "1" + "}" * 10_000 + "}",
        '{"type":"inbox","id":"1","x":1e400}',
        '{"type":"inbox","id":"1","x":-1e400}',
        '{"type":"inbox","id":"1","x":NaN}',
        '{"type":"inbox","id":"1","x":Infinity}',
        '{"type":"inbox","id":"1","id":"2"}',
        '{"type":"inbox","type":"send","id":"1"}',
        '{"type":"inbox","id":"1","\\u0069d":"2"}',
        '{"type":"inbox","id":"1","x":{"a":1,"a":2}}',
        '{"type":"inbox","id":"\\ud800"}',
        '{"type":"inbox","id":"1","x":"\\udc00 alone"}',
        '{"type":"inbox","id":"1","\\ud800":1}',
        '{"type":"inbox","id":"1","x":12345678901234567890}',
        '{"type":"inbox","id":"1","x":' + "9" * 10_000 + "}",
        '{"type":"inbox","id":"1","limit":1.5}',
        '{"type":"inbox","id":"1","limit":true}',
        '{"type":"inbox","id":"1","limit":51}',
        '{"type":"inbox","id":"1","limit":0}',
        '{"type":"inbox","id":""}',
        '{"type":"inbox","id":"' + "x" * 65 + '"}',
        '{"type":"inbox","id":"1"} {}',
        '{"type":"inbox","id":"1",}',
        "{'type':'inbox','id':'1'}",
        '\ufeff{"type":"inbox","id":"1"}',
        '{"type":"inbox","id":"a\nb"}',
        "{" + ",".join(f'"{n}":1' for n in range(25_000)) + "}",
        '{"type":"inbox","id":"1",' + ",".join(f'"{n}":1' for n in range(100_000)) + "}",
    ],
    ids=lambda text: text[:50],
)
def test_hostile_json_is_a_bad_request_and_nothing_worse(text: str) -> None:
    assert code_of(parse(text)) == "bad_request"


def test_a_pair_of_surrogates_is_one_character() -> None:
    frame = parse('{"type":"inbox","id":"\\ud83d\\ude00"}')
    assert frame == Inbox(id="😀")


@pytest.mark.parametrize("kind", ["", "TEXT", "image", "x" * 100])
def test_a_kind_that_is_not_known_is_refused(kind: str) -> None:
    assert code_of(taken(kind=kind)) == "bad_request"


@pytest.mark.parametrize(
    "bad", ["", "x", ID.upper(), ID.replace("-7", "-4"), ID + "\n", "é" * 36, None, 5]
)
def test_message_ids_are_lower_case_uuids_that_hold_a_time(bad: Any) -> None:
    assert code_of(taken(id=bad)) == "bad_request"
    if bad is not None:
        assert code_of(taken(after=bad)) == "bad_request"


@pytest.mark.parametrize(
    "bad",
    ["", "../etc", "bob'; DROP", "BOB", "b ob", "bob\n", "é", "x" * 161, "-", ".", 5, ["bob"]],
)
def test_ids_with_anything_but_their_characters_are_refused(bad: Any) -> None:
    assert code_of(taken(to=bad)) == "bad_request"
    assert code_of(without("to", conversation_id=f"d:{bad}:\x00")) == "bad_request"


def test_a_message_goes_to_one_place() -> None:
    assert code_of(taken(conversation_id="d:ann:bob")) == "bad_request"
    assert code_of(without("to")) == "bad_request"
    assert isinstance(without("to", conversation_id="g:some-group"), Send)


@pytest.mark.parametrize("body", ["x" * BODY_BYTES_MAX, "é" * (BODY_BYTES_MAX // 2), "\x00\u202e"])
def test_bodies_are_kept_as_they_are_up_to_the_limit(body: str) -> None:
    frame = taken(body=body)
    assert isinstance(frame, Send)
    assert frame.body == body


@pytest.mark.parametrize("body", ["x" * (BODY_BYTES_MAX + 1), "é" * (BODY_BYTES_MAX // 2) + "x"])
def test_a_longer_body_is_too_large_and_no_strike(body: str) -> None:
    problem = taken(body=body)
    assert code_of(problem) == "too_large"
    assert (problem.request_id, problem.strike) == (ID, False)


def test_any_text_of_the_largest_body_fits_into_a_frame() -> None:
    for character in ("x", "é", "漢", "😀", '"', "\n"):
        body = character * (BODY_BYTES_MAX // len(character.encode()))
        assert len(json.dumps({**SEND, "body": body}).encode()) <= FRAME_BYTES_MAX


def test_an_empty_body_is_refused() -> None:
    assert code_of(taken(body="")) == "bad_request"


@pytest.mark.parametrize("fields", [{}, {"after": 1, "before": 1}, {"after": -1}, {"before": 0}])
def test_a_fetch_goes_one_way(fields: dict[str, int]) -> None:
    text = json.dumps({"type": "fetch", "id": "1", "conversation_id": "d:ann:bob", **fields})
    assert code_of(parse(text)) == "bad_request"


@given(st.text())
def test_any_text_is_a_frame_or_a_problem(text: str) -> None:
    parse(text)


@given(
    st.dictionaries(
        st.sampled_from(["type", *SEND, "seq", "token", "limit", "after"]), json_values
    ),
    st.sampled_from(sorted(TYPES)),
)
def test_any_object_is_a_frame_or_a_problem_that_can_be_answered(
    value: dict[str, Any], name: str
) -> None:
    frame = parse(json.dumps({"type": name, **value}))
    if isinstance(frame, Problem):
        msgspec.json.encode([frame.detail, frame.request_id])
        assert len(frame.detail) < 500


@given(st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_a_body_comes_out_as_it_went_in(body: str) -> None:
    assert taken(body=body) == Send(id=ID, to="bob", body=body)


def outcome(decoder: Any, text: str) -> tuple[str, Any]:
    try:
        return "taken", decoder(text)
    except NotTaken as error:
        return "refused", str(error)


flat = st.dictionaries(
    st.text("ab:", max_size=3),
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False)
    | st.text('ab":\\', max_size=6)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text("ab", max_size=1), st.integers(), max_size=2),
    max_size=6,
)


@given(
    flat,
    st.sampled_from(["%s", '{"a":1,"a":2,%.0s"b":3}', " %s ", "[%s]", "%s}", '{"a" :1,"a":2}']),
)
def test_the_fast_way_takes_what_the_slow_one_takes(value: Any, shape: str) -> None:
    for text in (json.dumps(value), json.dumps(value, separators=(",", ":"))):
        whole = shape % text if "%" in shape else shape
        assert repr(outcome(decode, whole)) == repr(outcome(decode_slowly, whole))


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '{"a":{"b":1,"b":2}}',
        '{"a":1,"b":{"a":1},"a":":"}',
        '{"a":12345678901234567890}',
        '{"a":-0}',
        '{"a":1e400}',
        '{"a":NaN}',
        '{"a":01}',
        "{" + ",".join(f'"{n}":{n}' for n in range(40)) + "}",
        "[" * 100_000,
    ],
)
def test_nothing_slips_through_the_fast_way(text: str) -> None:
    assert repr(outcome(decode, text)) == repr(outcome(decode_slowly, text))
