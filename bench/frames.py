"""WebSocket frames as a client writes and reads them. Pure.

In: text to send; the bytes a server sent. Out: frames masked with a key of zeros, which is legal
and makes masking free; whole messages. Only what our gateways send is read: whole messages, no
extensions. Anything else is a ProtocolError: a benchmark must not guess.
"""

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10

_MASK = b"\0\0\0\0"


class ProtocolError(Exception):
    """The server sent what this reader does not take."""


def text_frame(payload: bytes) -> bytes:
    """A whole text message of a client."""
    length = len(payload)
    if length < 126:
        return b"\x81" + (0x80 | length).to_bytes(1, "big") + _MASK + payload
    if length < 65_536:
        return b"\x81\xfe" + length.to_bytes(2, "big") + _MASK + payload
    return b"\x81\xff" + length.to_bytes(8, "big") + _MASK + payload


def ping_frame() -> bytes:
    """Asks whether all before it was read."""
    return b"\x89\x80" + _MASK


def pong_frame(payload: bytes) -> bytes:
    """The answer to a ping."""
    return b"\x8a" + (0x80 | len(payload)).to_bytes(1, "big") + _MASK + payload


def close_frame() -> bytes:
    """A normal end."""
    return b"\x88\x82" + _MASK + (1000).to_bytes(2, "big")


class FrameReader:
    """Bytes of a server, in any pieces, to messages."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The messages (opcode, payload) that these bytes complete. Raises ProtocolError."""
        if self._rest:
            data = self._rest + data
        start, end = 0, len(data)
        messages = []
        while end - start >= 2:
            first, length = data[start], data[start + 1]
            if first & 0x70 or not first & 0x80 or not first & 0x0F or length & 0x80:
                raise ProtocolError(f"a frame begins with {data[start : start + 2].hex()}")
            body = start + 2
            if length == 126:
                body += 2
                length = int.from_bytes(data[start + 2 : body], "big")
            elif length == 127:
                body += 8
                length = int.from_bytes(data[start + 2 : body], "big")
            if body > end or body + length > end:
                break
            messages.append((first & 0x0F, data[body : body + length]))
            start = body + length
        self._rest = data[start:]
        return messages
