"""WebSocket frames to messages and back: the server's half of RFC 6455, without extensions.

In: bytes as they come from a socket. Out: whole text messages and control frames, in order; and,
once the client breaks the protocol or a limit, the failure to close with, after the messages that
came before it. A message that is too long fails at its header, before any of it is kept. Pure: no
socket, no clock. Why not aiohttp's reader: it takes unmasked frames, and tells nobody about
fragments and half frames (docs in THREAT_MODEL of aiohttp); bytes are handled here once, in place.
"""

from edge.frames import FRAME_BYTES_MAX
from events.frames import CloseCode

TEXT = 1
BINARY = 2
CLOSE = 8
PING = 9
PONG = 10

BYTES_MAX = FRAME_BYTES_MAX
FRAGMENTS_MAX = 256
CONTROL_BYTES_MAX = 125

PING_FRAME = b"\x89\x00"

Message = tuple[int, str | bytes | int]
"""An opcode with the text, the bytes of a ping, pong or binary message, or the code of a close."""

_CONTINUATION = 0
_NOTHING: tuple[Message, ...] = ()
_NO_CODE = 1005


class Failure(Exception):
    """Why reading ended: a close code and a short reason."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Reader:
    """Reads one client's frames. After a failure it reads nothing more."""

    __slots__ = (
        "_buffer",
        "_bytes_max",
        "_fragments_max",
        "_needed",
        "_opcode",
        "_parts",
        "_parts_bytes",
        "_takes_binary",
        "failure",
    )

    def __init__(
        self, bytes_max: int, *, fragments_max: int = FRAGMENTS_MAX, takes_binary: bool = False
    ) -> None:
        """The gateway takes no binary messages; the check of conformance does."""
        self.failure: Failure | None = None
        self._bytes_max = bytes_max
        self._fragments_max = fragments_max
        self._takes_binary = takes_binary
        self._buffer: bytearray | None = None
        self._needed = 0
        self._opcode = TEXT
        self._parts: list[bytes] | None = None
        self._parts_bytes = 0

    @property
    def is_midway(self) -> bool:
        """Whether a frame or a fragmented message has begun and not ended."""
        return self._buffer is not None or self._parts is not None

    def feed(self, data: bytes) -> "list[Message] | tuple[Message, ...]":
        """The messages that these bytes complete."""
        if self.failure is not None:
            return _NOTHING
        if self._buffer is not None:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return _NOTHING
            data = bytes(self._buffer)
            self._buffer = None
        messages: list[Message] = []
        try:
            rest = self._read(data, messages)
        except Failure as failure:
            self.failure = failure
            self._parts = None
        else:
            if rest < len(data):
                self._buffer = bytearray(data[rest:])
        return messages

    def stop(self) -> None:
        """Read nothing more."""
        self.failure = self.failure or Failure(CloseCode.NORMAL, "")
        self._buffer = None
        self._parts = None

    def _read(self, data: bytes, messages: list[Message]) -> int:
        """Read whole frames; where the first incomplete one begins."""
        start, end = 0, len(data)
        while end - start >= 2:
            first, second = data[start], data[start + 1]
            opcode = first & 0x0F
            length = second & 0x7F
            _check_header(first, second, opcode, length)
            if opcode == BINARY and not self._takes_binary:
                raise Failure(CloseCode.UNSUPPORTED_DATA, "text_only")
            body = start + 6
            if length > CONTROL_BYTES_MAX:
                body += 2 if length == 126 else 8
                if end < body - 4:
                    self._needed = body - 4 - start
                    return start
                length = int.from_bytes(data[start + 2 : body - 4], "big")
            if length + self._parts_bytes > self._bytes_max:
                raise Failure(CloseCode.TOO_BIG, "too_big")
            stop = body + length
            if stop > end:
                self._needed = stop - start
                return start
            payload = _unmask(data[body:stop], data[body - 4 : body])
            start = stop
            if opcode >= CLOSE:
                messages.append(_control(opcode, payload))
            elif opcode == TEXT and first & 0x80 and self._parts is None:
                messages.append((TEXT, _text(payload)))
            else:
                self._fragment(opcode, payload, bool(first & 0x80), messages)
        self._needed = 2
        return start

    def _fragment(self, opcode: int, payload: bytes, last: bool, messages: list[Message]) -> None:
        if opcode == _CONTINUATION:
            if self._parts is None:
                raise Failure(CloseCode.PROTOCOL_ERROR, "nothing_to_continue")
        elif self._parts is not None:
            raise Failure(CloseCode.PROTOCOL_ERROR, "message_within_message")
        else:
            self._opcode = opcode
            self._parts = []
        self._parts.append(payload)
        self._parts_bytes += len(payload)
        if len(self._parts) > self._fragments_max:
            raise Failure(CloseCode.POLICY_VIOLATION, "too_many_fragments")
        if last:
            whole = b"".join(self._parts)
            messages.append((self._opcode, _text(whole) if self._opcode == TEXT else whole))
            self._parts = None
            self._parts_bytes = 0


def text_frame(payload: bytes) -> bytes:
    """A whole text message of a server."""
    length = len(payload)
    if length < 126:
        return b"\x81" + length.to_bytes(1, "big") + payload
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload


def pong_frame(payload: bytes) -> bytes:
    """The answer to a ping."""
    return b"\x8a" + len(payload).to_bytes(1, "big") + payload


def close_frame(code: int, reason: str) -> bytes:
    """A close with its code and a reason of at most 123 bytes, which must be whole UTF-8."""
    text = reason.encode(errors="replace")[: CONTROL_BYTES_MAX - 2].decode(errors="ignore")
    payload = code.to_bytes(2, "big") + text.encode()
    return b"\x88" + len(payload).to_bytes(1, "big") + payload


def _check_header(first: int, second: int, opcode: int, length: int) -> None:
    if first & 0x70:
        raise Failure(CloseCode.PROTOCOL_ERROR, "reserved_bits")
    if not second & 0x80:
        raise Failure(CloseCode.PROTOCOL_ERROR, "not_masked")
    if opcode >= CLOSE:
        if opcode > PONG:
            raise Failure(CloseCode.PROTOCOL_ERROR, "reserved_opcode")
        if length > CONTROL_BYTES_MAX or not first & 0x80:
            raise Failure(CloseCode.PROTOCOL_ERROR, "bad_control_frame")
    elif opcode > BINARY:
        raise Failure(CloseCode.PROTOCOL_ERROR, "reserved_opcode")


def _control(opcode: int, payload: bytes) -> Message:
    if opcode != CLOSE:
        return opcode, payload
    if not payload:
        return CLOSE, _NO_CODE
    if len(payload) == 1:
        raise Failure(CloseCode.PROTOCOL_ERROR, "bad_close")
    code = int.from_bytes(payload[:2], "big")
    if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        raise Failure(CloseCode.PROTOCOL_ERROR, "bad_close")
    _text(payload[2:])
    return CLOSE, code


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise Failure(CloseCode.INVALID_TEXT, "not_utf8") from None


def _unmask(payload: bytes, mask: bytes) -> bytes:
    length = len(payload)
    pattern = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(pattern, "little")).to_bytes(
        length, "little"
    )
