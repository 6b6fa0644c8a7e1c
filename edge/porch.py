"""Where new connections arrive: most go in to the HTTP server; when too many wait there, none does.

In: connections, as the event loop accepts them. Out: for each the protocol that speaks with it.
Reading a request and refusing it as HTTP servers do costs a third of a millisecond; in a storm of
thousands a second that would be all there is, and those who are connected would wait. So while the
queue of handshakes is full, a connection gets a protocol that answers whatever it says with the
same few bytes: 503, and when its turn is.
"""

import asyncio
from collections.abc import Callable

_SILENT_SECONDS = 5.0
"""As long as a request may take."""


class Porch:
    """Gives each connection its protocol; what `create_server` calls."""

    def __init__(
        self,
        http: Callable[[], asyncio.BaseProtocol],
        turn: Callable[[], int | None],
        turned_away: Callable[[], None],
    ) -> None:
        """`turn` gives whole seconds while it is full, `turned_away` counts."""
        self._http = http
        self._turn = turn
        self._turned_away = turned_away

    def __call__(self) -> asyncio.BaseProtocol:
        turn = self._turn()
        if turn is None:
            return self._http()
        self._turned_away()
        return TurnedAway(turn)


class TurnedAway(asyncio.Protocol):
    """A connection for which there is no place now."""

    __slots__ = ("_seconds", "_timer", "_transport")

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_SILENT_SECONDS, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(_answer(self._seconds))
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()


def _answer(seconds: int) -> bytes:
    sentence = b"Too many handshakes at once.\n"
    return (
        b"HTTP/1.1 503 Service Unavailable\r\n"
        b"Retry-After: %d\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Length: %d\r\n"
        b"Connection: close\r\n\r\n%s" % (seconds, len(sentence), sentence)
    )
