from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.frames import (
    CLOSE,
    PING,
    TEXT,
    FrameReader,
    ProtocolError,
    close_frame,
    pong_frame,
    text_frame,
)
from edge import wire


def server_frame(opcode: int, payload: bytes) -> bytes:
    if opcode == TEXT:
        return wire.text_frame(payload)
    return bytes((0x80 | opcode, len(payload))) + payload


messages = st.lists(
    st.one_of(
        st.tuples(st.just(TEXT), st.text().map(str.encode)),
        st.tuples(st.just(TEXT), st.integers(120, 70_000).map(lambda size: b"x" * size)),
        st.tuples(st.sampled_from((PING, CLOSE)), st.binary(max_size=125)),
    ),
    max_size=5,
)


@given(sent=messages, cuts=st.lists(st.integers(0, 200_000), max_size=6))
def test_messages_are_read_whole_however_the_bytes_are_cut(sent, cuts):
    data = b"".join(server_frame(*message) for message in sent)
    bounds = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    reader = FrameReader()
    read = [message for start, end in pairwise(bounds) for message in reader.feed(data[start:end])]
    assert read == sent


@given(st.one_of(st.text(), st.integers(100, 70_000).map(lambda size: "x" * size)))
def test_the_gateway_reads_what_we_write(text):
    assert wire.Reader(1 << 20).feed(text_frame(text.encode())) == [(wire.TEXT, text)]


def test_the_gateway_reads_our_control_frames():
    reader = wire.Reader(1 << 20)
    assert reader.feed(pong_frame(b"x") + close_frame()) == [(wire.PONG, b"x"), (wire.CLOSE, 1000)]


@pytest.mark.parametrize(
    "data", [b"\x01\x00", b"\x80\x00", b"\xc1\x00", b"\x81\x80"],
    ids=["a part of a message", "a continuation", "a reserved bit", "a masked frame"],
)  # fmt: skip
def test_what_our_gateways_never_send_is_refused(data):
    with pytest.raises(ProtocolError):
        FrameReader().feed(data)
