"""Whatever the bytes, decoding gives an event, or says in which of three ways it cannot."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from events.codec import (
    _REMEMBERED_EVENTS,
    EVENTS,
    BeyondRelease,
    Codec,
    DecodeError,
    EncodeError,
    UnknownSchema,
    schema_of,
)
from events.messages import MessageSent, MessageSubmitted
from tests.examples import codec, submitted

CODEC = codec()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, "no_value"),
        (b"", "malformed"),
        (b"\x00\x00\x00", "malformed"),
        (b"\x01" + b"\x00" * 20, "malformed"),
        (CODEC.encode(submitted())[:-1], "malformed"),
        (CODEC.encode(submitted()) + b"x", "malformed"),
    ],
)
def test_what_is_no_event_is_named(data: bytes | None, code: str) -> None:
    with pytest.raises(DecodeError) as error:
        CODEC.decode(data)
    assert error.value.code == code


def outcome(data: bytes) -> str:
    """What became of some bytes: an event, or the code of the refusal."""
    try:
        CODEC.decode(data)
    except DecodeError as error:
        return error.code
    except UnknownSchema:
        return "unknown_schema"
    return "event"


@settings(max_examples=500)
@given(st.integers(1, len(EVENTS)), st.binary(max_size=200))
def test_random_bytes_never_raise_anything_else(schema_id: int, body: bytes) -> None:
    assert outcome(b"\x00" + schema_id.to_bytes(4, "big") + body) in {
        "event",
        "malformed",
        "invalid",
    }


@settings(max_examples=300)
@given(st.data())
def test_damaged_bytes_never_raise_anything_else(data: st.DataObject) -> None:
    whole = bytearray(CODEC.encode(submitted(3, reply_to_seq=2)))
    index = data.draw(st.integers(0, len(whole) - 1))
    whole[index] = data.draw(st.integers(0, 255))
    assert outcome(bytes(whole)) in {"event", "malformed", "invalid", "unknown_schema"}


def test_an_array_that_claims_to_be_huge_costs_nothing() -> None:
    markers = next(number for number, name in enumerate(EVENTS, 1) if name == "MarkersSubmitted")
    huge = b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"
    with pytest.raises(DecodeError):
        CODEC.decode(b"\x00" + markers.to_bytes(4, "big") + huge)


def test_an_event_its_schema_cannot_hold_is_an_error_of_the_program() -> None:
    with pytest.raises(EncodeError):
        CODEC.encode(submitted(body=None))


def test_bytes_of_an_older_schema_become_todays_event() -> None:
    older = schema_of(MessageSubmitted)
    older["fields"] = [field for field in older["fields"] if field["name"] != "first_sent_at"]
    ids = [(number, name, schema_of(event)) for number, (name, event) in enumerate(EVENTS.items())]
    both = Codec([*ids, (900, "MessageSubmitted", older)])
    newer = Codec(ids)
    written = newer.encode(submitted())
    body_of_older = written[5:-1]  # the last byte is the null of first_sent_at
    assert both.decode(b"\x00" + (900).to_bytes(4, "big") + body_of_older) == submitted()


def test_an_id_that_nobody_named_is_no_poison_yet() -> None:
    data = b"\x00\x00\x00\xff\xff" + b"x" * 20
    with pytest.raises(UnknownSchema, match="65535"):
        CODEC.decode(data)
    assert CODEC.unknown([data, None, b"", b"\x01abcdef", CODEC.encode(submitted())]) == {65535}


def test_a_further_field_of_a_later_release_is_read_once_it_is_learnt() -> None:
    old = codec()
    schema = schema_of(MessageSubmitted)
    schema["fields"].append({"name": "mood", "type": "string", "default": ""})
    later = b"\x00" + (900).to_bytes(4, "big") + old.encode(submitted())[5:] + b"\x06sad"
    with pytest.raises(UnknownSchema):
        old.decode(later)
    assert old.learn(900, schema)
    assert old.decode(later) == submitted()
    assert old.encode(submitted())[:5] != later[:5]


def test_an_event_of_a_later_release_is_told_from_poison() -> None:
    old = codec()
    schema = schema_of(MessageSubmitted) | {"name": "MessageEdited"}
    assert old.learn(901, schema)
    for _ in range(2):
        with pytest.raises(BeyondRelease) as found:
            old.decode(b"\x00" + (901).to_bytes(4, "big") + b"anything")
        assert (found.value.topic, found.value.event) == ("chat.submissions", "MessageEdited")


def test_a_value_that_a_later_release_allows_is_not_poison_and_of_an_older_one_it_is() -> None:
    wide = schema_of(MessageSubmitted)
    wide["fields"].append({"name": "mood", "type": "string", "default": ""})
    body = CODEC.encode(submitted(kind=""))[5:] + b"\x00"
    named = {number: name for number, name in enumerate(EVENTS, 1)}
    first = [(number, name, schema_of(EVENTS[name])) for number, name in named.items()]
    both = Codec([*((100 + number, *rest) for number, *rest in first), (7, "", wide)])
    both.learn(900, wide)
    with pytest.raises(BeyondRelease):
        both.decode(b"\x00" + (900).to_bytes(4, "big") + body)
    with pytest.raises(DecodeError, match="invalid"):
        both.decode(b"\x00" + (7).to_bytes(4, "big") + body)


@pytest.mark.parametrize("schema", [{}, "string", {"type": "record", "name": "X"}, ["null"]])
def test_a_schema_of_somebody_else_is_not_learnt(schema: object) -> None:
    assert not codec().learn(902, schema)


def test_a_vocabulary_without_ids_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="MessageSent"):
        Codec(
            (number, name, schema_of(event))
            for number, (name, event) in enumerate(EVENTS.items())
            if event is not MessageSent
        )


def test_what_was_written_here_is_refused_where_any_reader_would_refuse_it() -> None:
    writer, reader = codec(), codec()
    data = writer.encode(msgspec.structs.replace(submitted(), client_message_id="short"))
    for one in (writer, reader):
        with pytest.raises(DecodeError, match="invalid"):
            one.decode(data)


def test_only_the_newest_small_events_are_remembered() -> None:
    one = codec()
    first = one.encode(submitted(1))
    assert one.decode(first) is one.decode(first)
    for number in range(3 * _REMEMBERED_EVENTS):
        one.encode(submitted(number))
    assert len(one._newest) + len(one._newer) <= 2 * _REMEMBERED_EVENTS
    again = one.decode(first)
    assert again == submitted(1)
    large = one.encode(msgspec.structs.replace(submitted(), body="x" * 3_000))
    assert one.decode(large) is not one.decode(large)


def test_one_that_is_not_to_remember_keeps_nothing() -> None:
    one = codec(remembers=False)
    data = one.encode(submitted())
    assert one.decode(data) == one.decode(data) == submitted()
    assert not one._newest


@pytest.mark.parametrize("attempt", range(5))
def test_threads_may_decode_an_event_for_the_first_time_at_once(attempt: int) -> None:
    """Otherwise a segmentation fault in msgspec: here four times in five, in a worker rarely."""
    command = [sys.executable, "-m", "tests.events.first_use"]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0


def test_a_version_that_cannot_be_parsed_here_is_of_a_newer_release() -> None:
    reader = codec()
    schema = schema_of(MessageSent)
    schema["fields"].append({"name": "mood", "type": "chat.conversations.Mood"})
    assert reader.learn(777, schema)
    with pytest.raises(BeyondRelease):
        reader.decode(b"\x00" + (777).to_bytes(4, "big") + b"x")


def test_the_ids_file_is_read_again_only_when_it_has_changed(tmp_path: Path) -> None:
    def text_of(events: Iterable[tuple[str, type[Struct]]]) -> str:
        return json.dumps(
            {
                "schemas": [
                    {"id": number, "event": name, "schema": schema_of(event)}
                    for number, (name, event) in enumerate(events, 1)
                ]
            }
        )

    path = tmp_path / "ids.json"
    path.write_text(text_of(EVENTS.items()))
    codec = Codec.from_file(path)
    codec.read_file_again()
    seen = path.stat()

    path.write_text(" " * seen.st_size)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    codec.read_file_again()  # looks as it did, so it is not read

    path.write_text(" " * (seen.st_size + 1))
    for _ in range(2):  # one that cannot be read is read each time
        with pytest.raises(ValueError, match="Expecting"):
            codec.read_file_again()

    path.write_text(text_of([*EVENTS.items(), *EVENTS.items()]))
    codec.read_file_again()
    assert codec.knows(len(EVENTS) + 1)
