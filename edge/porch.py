"""Where new connections arrive: most go in to the HTTP server; when too many wait there, none does.

In: connections, as the event loop accepts them. Out: for each the protocol that speaks with it.
Reading a request and refusing it as HTTP servers do costs a third of a millisecond; in a storm of
thousands a second that would be all there is, and those who are connected would wait. So while the
queue of handshakes is full, a connection gets a protocol that answers whatever it says with the
same few bytes: 503, and when its turn is. So does one from an address that connects too often: 429.
A connection is there for some seconds before it has asked for anything, so the rate of an address
also bounds how many of its connections say nothing.
"""

import asyncio
from collections.abc import Callable
from math import ceil

_SILENT_SECONDS = 5.0
"""As long as a request may take."""


class Porch:
    """Gives each connection its protocol; what `create_server` calls."""

    def __init__(
        self,
        http: Callable[[], asyncio.BaseProtocol],
        turn: Callable[[], int | None],
        knock: Callable[[str], float],
        turned_away: Callable[[int], None],
    ) -> None:
        """`turn` gives whole seconds while it is full, `knock` those that an address has to wait.

        `turned_away` counts, by status.
        """
        self._http = http
        self._turn = turn
        self._knock = knock
        self._turned_away = turned_away

    def __call__(self) -> asyncio.BaseProtocol:
        turn = self._turn()
        if turn is None:
            return _Arriving(self.welcome)
        self._turned_away(503)
        return TurnedAway(503, turn)

    def welcome(self, address: str) -> asyncio.BaseProtocol:
        """The protocol for a connection from this address, while there is room."""
        wait_seconds = self._knock(address)
        if not wait_seconds:
            return self._http()
        self._turned_away(429)
        return TurnedAway(429, ceil(wait_seconds))


class _Arriving(asyncio.Protocol):
    """A connection whose address is not known yet: for the moment between two calls."""

    __slots__ = ("_welcome",)

    def __init__(self, welcome: Callable[[str], asyncio.BaseProtocol]) -> None:
        self._welcome = welcome

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        protocol = self._welcome(peer[0] if isinstance(peer, tuple) else "")
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


class TurnedAway(asyncio.Protocol):
    """A connection for which there is no place now."""

    __slots__ = ("_answer", "_timer", "_transport")

    def __init__(self, status: int, seconds: int) -> None:
        self._answer = _answer(status, seconds)
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_SILENT_SECONDS, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(self._answer)
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()


_SENTENCES = {
    503: (b"Service Unavailable", b"Too many handshakes at once.\n"),
    429: (b"Too Many Requests", b"Too many connections from there.\n"),
}


def _answer(status: int, seconds: int) -> bytes:
    reason, sentence = _SENTENCES[status]
    return (
        b"HTTP/1.1 %d %s\r\n"
        b"Retry-After: %d\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Length: %d\r\n"
        b"Connection: close\r\n\r\n%s" % (status, reason, seconds, len(sentence), sentence)
    )
