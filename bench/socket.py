"""One lean WebSocket client: as little work a frame as Python allows, so that load stays cheap.

In: an address and a token. Out: each text message to a function, the end to another. No task, no
queue, no time-out of its own: those who use it wait in bounded time.
"""

import asyncio
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from bench.frames import CLOSE, PING, PONG, TEXT, FrameReader, close_frame, pong_frame, text_frame
from events.frames import SUBPROTOCOL

_KEY = "Y2hhdGxvZy1iZW5jaC13cw=="
_END_OF_HEADERS = b"\r\n\r\n"
_HEADERS_BYTES_MAX = 16_384

_RETRY_AFTER = re.compile(rb"\r\nretry-after: *(\d+)", re.IGNORECASE)

OnText = Callable[[bytes], None]
OnEnd = Callable[[str], None]
OnPong = Callable[[], None]


class Refused(ConnectionError):
    """The upgrade was answered with an error of HTTP; `retry_after_seconds` 0 when none is told."""

    def __init__(self, status: int, retry_after_seconds: float) -> None:
        super().__init__(f"refused: {status}")
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class Socket(asyncio.Protocol):
    """A WebSocket; `connect` makes one."""

    __slots__ = (
        "_on_end",
        "_on_pong",
        "_on_text",
        "_opened",
        "_reader",
        "_received",
        "_request",
        "_transport",
    )

    def __init__(
        self,
        request: bytes,
        on_text: OnText,
        on_end: OnEnd,
        opened: "asyncio.Future[None]",
        on_pong: OnPong,
    ) -> None:
        self._request = request
        self._on_text = on_text
        self._on_end = on_end
        self._on_pong = on_pong
        self._opened = opened
        self._received = b""
        self._reader: FrameReader | None = None
        self._transport: asyncio.Transport

    def send(self, payload: bytes) -> None:
        """Send one text message."""
        self._transport.write(text_frame(payload))

    def send_frame(self, frame: bytes) -> None:
        """Send what `text_frame` made, or several of them."""
        self._transport.write(frame)

    def close(self) -> None:
        """Say good-bye and end."""
        self._transport.write(close_frame())
        self._transport.close()

    def abort(self) -> None:
        """End at once."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader is None:
            reader, data = self._upgraded(data)
            if reader is None:
                return
        for opcode, payload in reader.feed(data):
            if opcode == TEXT:
                self._on_text(payload)
            elif opcode == PING:
                self._transport.write(pong_frame(payload))
            elif opcode == PONG:
                self._on_pong()
            elif opcode == CLOSE:
                code = int.from_bytes(payload[:2], "big")
                self._on_end(f"{code} {payload[2:].decode(errors='replace')}".strip())
                self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._opened.done():
            self._opened.set_exception(
                ConnectionError(f"refused: {error or self._received[:80]!r}")
            )
        if self._reader is not None:
            self._on_end(f"lost: {error}" if error else "lost")

    def _upgraded(self, data: bytes) -> tuple[FrameReader | None, bytes]:
        self._received += data
        headers, found, rest = self._received.partition(_END_OF_HEADERS)
        if not found and len(self._received) < _HEADERS_BYTES_MAX:
            return None, b""
        if not headers.startswith(b"HTTP/1.1 101 "):
            if not self._opened.done():
                self._opened.set_exception(_refused(headers))
            self._transport.abort()
            return None, b""
        self._received = b""
        self._reader = FrameReader()
        if not self._opened.done():
            self._opened.set_result(None)
        return self._reader, rest


def _refused(headers: bytes) -> Refused:
    line = headers.split(b"\r\n", 1)[0].split()
    status = int(line[1]) if len(line) > 1 and line[1].isdigit() else 0
    told = _RETRY_AFTER.search(headers)
    return Refused(status, float(told[1]) if told else 0.0)


def upgrade_request(url: str, token: str | None) -> bytes:
    """The request for a socket; without a token, one that has yet to say hello."""
    parts = urlsplit(url)
    return (
        f"GET {parts.path} HTTP/1.1\r\n"
        f"Host: {parts.netloc}\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {_KEY}\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n"
        + (f"Authorization: Bearer {token}\r\n" if token else "")
        + "\r\n"
    ).encode()


async def connect(
    url: str,
    token: str,
    on_text: OnText,
    on_end: OnEnd,
    local_address: str | None = None,
    on_pong: OnPong = lambda: None,
) -> Socket:
    """Open a socket and upgrade it. Raises OSError, of which Refused; bound the wait from outside.

    `local_address` is the one to come from: on this machine any of 127.0.0.0/8.
    """
    loop = asyncio.get_running_loop()
    parts = urlsplit(url)
    assert parts.hostname is not None, url
    assert parts.port is not None, url
    request = upgrade_request(url, token)
    opened: asyncio.Future[None] = loop.create_future()
    _, socket = await loop.create_connection(
        lambda: Socket(request, on_text, on_end, opened, on_pong),
        parts.hostname,
        parts.port,
        local_addr=(local_address, 0) if local_address else None,
    )
    try:
        await opened
    except BaseException:
        socket.abort()
        raise
    return socket
