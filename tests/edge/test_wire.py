"""WebSocket frames: whatever the chunks, the same messages; whatever the nonsense, one failure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from edge.wire import Reader
from tests.edge.socket import frame

LIMIT = 1_000
chunks = st.lists(st.integers(1, 40), min_size=1, max_size=50)


def read(data: bytes, sizes: list[int] | None = None) -> tuple[list[wire.Message], int | None]:
    """All messages of the bytes, fed in chunks of these sizes, and the code of the failure."""
    reader = Reader(LIMIT)
    messages: list[wire.Message] = []
    rest = data
    for size in sizes or [len(data)]:
        messages += reader.feed(rest[:size])
        rest = rest[size:]
    messages += reader.feed(rest)
    return messages, None if reader.failure is None else reader.failure.code


@given(st.lists(st.text(max_size=200), max_size=8), chunks)
def test_every_text_arrives_once_and_in_order_however_it_is_cut(
    texts: list[str], sizes: list[int]
) -> None:
    data = b"".join(frame(text) for text in texts)
    messages, failure = read(data, sizes)
    assert failure is None
    assert messages == [(wire.TEXT, text) for text in texts]


@given(st.lists(st.binary(max_size=60), min_size=2, max_size=8), chunks)
def test_fragments_become_one_message_with_control_frames_in_between(
    parts: list[bytes], sizes: list[int]
) -> None:
    pieces = [frame(parts[0], first=0x01), frame(b"p", wire.PING)]
    pieces += [frame(part, first=0x00) for part in parts[1:-1]]
    pieces.append(frame(parts[-1], first=0x80))
    messages, failure = read(b"".join(pieces), sizes)
    whole = b"".join(parts)
    assert messages[0] == (wire.PING, b"p")
    try:
        assert messages[1:] == [(wire.TEXT, whole.decode())]
    except UnicodeDecodeError:
        assert failure == 1007


@given(st.binary(max_size=400), chunks)
def test_no_bytes_raise_and_nothing_is_read_after_a_failure(data: bytes, sizes: list[int]) -> None:
    messages, failure = read(data, sizes)
    whole, code = read(data)
    assert (messages, failure) == (whole, code)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x81\x02hi", 1002),  # not masked
        (frame("x", first=0xC1), 1002),  # reserved bit 1: no extension was negotiated
        (frame("x", first=0xA1), 1002),
        (frame("x", first=0x91), 1002),
        (frame("x", 3), 1002),
        (frame("x", 7), 1002),
        (frame("x", 11), 1002),
        (frame("x", 15), 1002),
        (frame(b"x" * 126, wire.PING), 1002),
        (frame(b"x", first=0x09), 1002),  # a ping in fragments
        (frame("x", first=0x80), 1002),  # nothing to continue
        (frame("x", first=0x01) + frame("y"), 1002),  # a text within a fragmented message
        (frame(b"\x03", wire.CLOSE), 1002),
        *(
            (frame(code.to_bytes(2, "big"), wire.CLOSE), 1002)
            for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535)
        ),
        (frame(b"\x03\xe8\xff", wire.CLOSE), 1007),
        (frame(b"\xff"), 1007),
        (frame(b"\xed\xa0\x80"), 1007),  # a surrogate in UTF-8
        (frame("é".encode()[:1], first=0x01) + frame(b"x", first=0x80), 1007),
        (frame(b"x", 2), 1003),
        (frame("x" * (LIMIT + 1)), 1009),
        (b"\x81\xff" + (2**63 - 1).to_bytes(8, "big"), 1009),
        (b"\x81\xff" + (2**64 - 1).to_bytes(8, "big"), 1009),
        (frame("x" * 600, first=0x01) + frame("x" * 600, first=0x80), 1009),
        (frame(b"", first=0x01) + frame(b"", first=0x00) * wire.FRAGMENTS_MAX, 1008),
    ],
)
def test_what_breaks_the_protocol_is_named(data: bytes, code: int) -> None:
    assert read(data)[1] == code
    assert read(data, [1] * len(data))[1] == code


def test_messages_before_a_failure_are_kept_and_none_come_after_it() -> None:
    messages, code = read(frame("one") + frame("two") + b"\x81\x02hi" + frame("three"))
    assert [content for _, content in messages] == ["one", "two"]
    assert code == 1002


def test_binary_messages_are_taken_where_they_are_asked_for() -> None:
    reader = Reader(LIMIT, takes_binary=True)
    fragments = frame(b"\xfe", first=0x02) + frame(b"\xfd", first=0x80)
    messages = reader.feed(frame(b"\xff", 2) + fragments + frame("x"))
    assert messages == [(wire.BINARY, b"\xff"), (wire.BINARY, b"\xfe\xfd"), (wire.TEXT, "x")]


def test_a_frame_that_is_too_long_fails_at_its_header() -> None:
    reader = Reader(LIMIT)
    reader.feed(frame("x" * (LIMIT + 1))[:4])
    assert reader.failure is not None


def test_a_message_of_exactly_the_limit_is_read() -> None:
    assert read(frame("x" * LIMIT)) == ([(wire.TEXT, "x" * LIMIT)], None)


def test_split_characters_are_whole_again() -> None:
    data = frame("é".encode()[:1], first=0x01) + frame("é".encode()[1:], first=0x80)
    assert read(data) == ([(wire.TEXT, "é")], None)


def test_it_is_known_whether_a_message_is_under_way() -> None:
    reader = Reader(LIMIT)
    assert not reader.is_midway
    reader.feed(frame("hello")[:-1])
    assert reader.is_midway
    reader = Reader(LIMIT)
    reader.feed(frame("x", first=0x01))
    assert reader.is_midway
    reader.feed(frame(b"", wire.PING))
    assert reader.is_midway
    reader.feed(frame("y", first=0x80))
    assert not reader.is_midway


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1014, 3000, 4999])
def test_a_close_gives_its_code(code: int) -> None:
    assert read(frame(code.to_bytes(2, "big") + b"bye", wire.CLOSE)) == ([(wire.CLOSE, code)], None)


def test_a_close_without_a_code() -> None:
    assert read(frame(b"", wire.CLOSE)) == ([(wire.CLOSE, 1005)], None)


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_our_frames_carry_their_length(length: int) -> None:
    data = wire.text_frame(b"x" * length)
    masked = bytes([data[0], data[1] | 0x80]) + data[2 : -length or None] + bytes(4) + b"x" * length
    assert Reader(100_000).feed(masked) == [(wire.TEXT, "x" * length)]


def test_a_close_reason_is_cut_to_what_a_control_frame_holds() -> None:
    assert len(wire.close_frame(1008, "x" * 500)) == 2 + wire.CONTROL_BYTES_MAX
    for reason in ("é" * 500, "👨‍👩‍👧" * 20, "\ud83d"):
        wire.close_frame(1008, reason)[4:].decode()
