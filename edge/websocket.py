"""Drives a session over one socket.

In: bytes from aiohttp's transport, once the upgrade is done. Out: what the session wants done, in
order; WebSocket frames through a bounded outbox. A socket has no task and no timer of its own: it
is called with data, and visited every few seconds for what is due. When it ends it says so to the
log, once.
"""

import asyncio
from functools import partial
from typing import Any

import structlog
from msgspec import structs

from edge import wire
from edge.effects import Ask, Check, Effects, Mark, MarkAll, Refuse, Reply, Submit
from edge.hub import Hub
from edge.liveness import Doubt, Due, Liveness
from edge.outbox import Outbox
from edge.session import Session
from edge.tokens import Principal, Refusal
from events.frames import CloseCode
from events.sessions import SessionClosed, SessionOpened
from events.topics import SESSIONS
from infra.telemetry import EDGE_CLOSES, EDGE_REFUSALS

ANNOUNCE_SECONDS = 12 * 3_600.0
"""A session is announced again so often: the registry forgets it after three times as long."""

CLOSE_SECONDS = 3.0
"""For a client to answer a close, to read what was said before its own, and to end its side when we
have ended ours; then it is cut."""

_DEAF = frozenset((CloseCode.RATE_LIMITED, CloseCode.POLICY_VIOLATION))
"""Closes after which nothing is read any more: reading is what the client made too much of."""

_FED = (False, b"")

log = structlog.get_logger()


class ClientSocket:
    """One client's socket, from its upgrade to its end."""

    close_seconds = CLOSE_SECONDS

    __slots__ = (
        "_address",
        "_announce_at",
        "_closing",
        "_ended",
        "_hub",
        "_liveness",
        "_outbox",
        "_reader",
        "_session",
        "_timer",
        "_transport",
        "_unwritten",
    )

    def __init__(
        self,
        hub: Hub,
        transport: asyncio.Transport,
        outbox: Outbox,
        address: str,
        reader: wire.Reader | None = None,
    ) -> None:
        """`address` is what counts as the client's; `reader` is one with limits of its own."""
        now = hub.loop.time()
        self._address = address
        self._announce_at = float("inf")
        self._ended: asyncio.Future[None] = hub.loop.create_future()
        self._hub = hub
        self._transport = transport
        self._outbox = outbox
        outbox.too_slow = self._overflow
        self._session = Session((hub.gateway_id, hub.gateway_epoch), hub.limits, hub.users, now)
        self._reader = reader or wire.Reader(wire.BYTES_MAX)
        settings = hub.settings
        self._liveness = Liveness(settings.heartbeat_seconds, settings.frame_seconds, now)
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._unwritten = False
        hub.connections.add(self)

    @property
    def ended(self) -> "asyncio.Future[None]":
        """Done when the socket has ended."""
        return self._ended

    @property
    def session_id(self) -> int:
        """The id of its session, once it is authenticated."""
        return self._session.session_id

    @property
    def principal(self) -> Principal | None:
        """Whose socket it is, once it is authenticated."""
        return self._session.principal

    def open(self, principal: Principal | None, since: str | None = None) -> None:
        """Begin: with a session at once, or wait for the client's hello. `since` is the token of
        heads that the upgrade showed."""
        if principal is not None:
            self._session.since = since
            self._believe(principal, self._hub.loop.time())
        else:
            self._timer = self._hub.loop.call_later(self._hub.limits.hello_seconds, self._hello_due)

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Bytes came. Tells aiohttp, which calls this, that it is to go on and nothing is left."""
        try:
            self._take(data)
        except Exception:
            log.exception("socket failed", session_id=self.session_id)
            self.close(CloseCode.INTERNAL_ERROR, "internal")
        return _FED

    def feed_eof(self) -> None:
        """The socket ended. Called by aiohttp."""
        if self._ended.done():
            return
        self._ended.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
        self._hub.connections.remove(self)
        if self._session.principal is not None:
            self._say_closed(self._session.principal)

    def send(self, frame: bytes) -> None:
        """Put a WebSocket frame in the outbox; too much there ends the socket."""
        if self._closing:
            return
        if not self._outbox.put(frame):
            self._overflow()
            return
        self._hub.count_sent(1)
        if not self._unwritten:
            self._unwritten = True
            self._hub.connections.unwritten(self)

    def flush(self) -> None:
        """Write what waits."""
        self._unwritten = False
        self._outbox.flush()

    def close(self, code: int, reason: str) -> None:
        """End the socket with a close frame, behind what waits to be sent."""
        if self._closing or self._ended.done():
            return
        self.send(wire.close_frame(code, reason))
        if self._closing:  # the outbox was full: it is closed as too slow
            return
        if code in _DEAF:
            self._reader.stop()
            self._outbox.end()
        self._begin_to_close(code)

    def announce(self) -> None:
        """Say again that this session is here; not while it is doubted that it is."""
        if self._closing or self._liveness.is_doubted:
            return
        if self._session.principal is not None:
            self._say_opened(self._session.principal)

    def registered(self) -> None:
        """The session can be reached: whatever is routed to it shows that, so it comes first."""
        if not self._session.is_registered and not self._closing:
            self._apply(self._session.registered(self._hub.wall_time()), self._hub.loop.time())

    def replaced(self) -> None:
        """It is said that a newer session of the device took this one's place."""
        match self._liveness.doubt(self._hub.loop.time()):
            case Doubt.ASK:
                self.send(wire.PING_FRAME)
            case Doubt.BELIEVE:
                self.close(CloseCode.REPLACED, "replaced")
            case Doubt.IS_ASKED:
                pass

    def visit(self, now: float) -> None:
        """See what is due: a ping, or the end of a silent client, a token or half a frame."""
        if self._closing:
            return
        match self._liveness.due(now):
            case Due.SILENT:
                self._count_close("silent")
                self._transport.abort()
                return
            case Due.HALF_A_FRAME:
                self.close(CloseCode.TOO_SLOW, "half_a_frame")
                return
            case Due.PING:
                self.send(wire.PING_FRAME)
            case Due.NOTHING:
                pass
        if now >= self._announce_at:
            self.announce()
        self._apply(self._session.tick(now), now)

    def _take(self, data: bytes) -> None:
        now = self._hub.loop.time()
        if self._liveness.heard(now):
            self.announce()
        messages = self._reader.feed(data)
        whole = False
        for opcode, content in messages:
            if opcode == wire.CLOSE:
                self._closed_by_client(content)
                break
            elif self._closing:
                continue
            elif opcode < wire.CLOSE:
                whole = True
                self._hub.count_received(1)
                self._said(content, now)
            else:
                if opcode == wire.PING:
                    assert type(content) is bytes
                    self.send(wire.pong_frame(content))
                self._apply(self._session.control(now), now)
        if self._reader.failure is not None:
            # The client's answer will not be read, so it is not waited for.
            self.close(self._reader.failure.code, self._reader.failure.reason)
            self._end()
        else:
            self._liveness.read(now, whole=whole, is_midway=self._reader.is_midway)

    def _said(self, content: str | bytes | int, now: float) -> None:
        """A whole message came; text, as the reader takes nothing else."""
        assert type(content) is str
        self._apply(self._session.receive(content, now), now)

    def _apply(self, effects: Effects, now: float) -> None:
        for effect in effects:
            match effect:
                case Submit(event, key, request_id):
                    event = structs.replace(event, submitted_at=int(self._hub.wall_time() * 1000))
                    self._hub.publisher.submit(event, key, partial(self._told, request_id))
                case Ask(event, key, request_id):
                    self._hub.publisher.ask(event, key, partial(self._told, request_id))
                case Mark(marker):
                    self._hub.publisher.mark(marker)
                case MarkAll(markers, request_id):
                    self._hub.publisher.mark_all(markers, partial(self._marked, request_id))
                case Reply(frame):
                    self.send(wire.text_frame(frame))
                case Refuse(code, frame):
                    self._hub.telemetry.count(EDGE_REFUSALS, 1, code.value)
                    self.send(wire.text_frame(frame))
                case Check(token, request_id):
                    self._check(token, request_id, now)
                case _:
                    self.close(effect.code, effect.reason)

    def _told(self, request_id: str, confirmed: bool) -> None:
        if confirmed:
            self._session.confirmed()
        else:
            self._apply(self._session.unavailable(request_id), self._hub.loop.time())

    def _marked(self, request_id: str, confirmed: bool) -> None:
        if confirmed:
            self._apply(self._session.marked(request_id), self._hub.loop.time())
        else:
            self._told(request_id, False)

    def _check(self, token: str, request_id: str | None, now: float) -> None:
        outcome = self._hub.keyring.check(token, self._address)
        if isinstance(outcome, Refusal):
            self._apply(self._session.refused(outcome, request_id), now)
        else:
            self._believe(outcome, now, request_id)

    def _believe(self, principal: Principal, now: float, request_id: str | None = None) -> None:
        connections = self._hub.connections
        first = self._session.principal is None
        if first and connections.has_newer(self, principal):
            self.close(CloseCode.REPLACED, "replaced")
            return
        if first and not connections.has_room_for(principal):
            self._apply(self._session.refused_for_room(), now)
            return
        if first and (wait_seconds := self._hub.users.opens.take(principal.user_id, now)):
            self._apply(self._session.refused_for_opens(wait_seconds), now)
            return
        session_id = connections.new_session_id() if first else self.session_id
        wall_now = self._hub.wall_time()
        effects = self._session.authenticated(principal, session_id, now, wall_now, request_id)
        self._apply(effects, now)
        if not first:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        older = connections.authenticated(self, principal)
        self._say_opened(principal)
        if older is not None:
            older.close(CloseCode.REPLACED, "replaced")

    def _say_opened(self, principal: Principal) -> None:
        self._announce_at = self._hub.loop.time() + ANNOUNCE_SECONDS
        event = SessionOpened(**self._names(principal), since=self._session.since)
        self._hub.publisher.announce(SESSIONS, event, principal.user_id, self._is_open)

    def _say_closed(self, principal: Principal) -> None:
        event = SessionClosed(**self._names(principal))
        self._hub.publisher.announce(SESSIONS, event, principal.user_id)

    def _names(self, principal: Principal) -> dict[str, Any]:
        return {
            "user_id": principal.user_id,
            "device_id": principal.device_id,
            "gateway_id": self._hub.gateway_id,
            "gateway_epoch": self._hub.gateway_epoch,
            "session_id": self.session_id,
        }

    def _is_open(self) -> bool:
        return not self._ended.done()

    def _hello_due(self) -> None:
        now = self._hub.loop.time()
        self._apply(self._session.tick(now + 0.001), now)

    def _overflow(self) -> None:
        if self._closing:
            return
        self._outbox.abandon(wire.close_frame(CloseCode.TOO_SLOW, "too_slow"))
        self._begin_to_close(CloseCode.TOO_SLOW)

    def _begin_to_close(self, code: int) -> None:
        self._count_close(str(int(code)))
        self._cut_soon()

    def _closed_by_client(self, code: object) -> None:
        if not self._closing:
            answer = code if isinstance(code, int) and code != 1005 else CloseCode.NORMAL
            self.send(wire.close_frame(answer, ""))
            self._cut_soon()
        self._reader.stop()  # what follows would be read without a limit until the client has ended
        self._end()

    def _end(self) -> None:
        """Nothing follows what waits: behind it the stream ends, which the client is to answer."""
        self._outbox.end()
        self.flush()

    def _cut_soon(self) -> None:
        """Nothing is said any more; the other side has a moment to take what was."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._hub.loop.call_later(self.close_seconds, self._transport.abort)

    def _count_close(self, code: str) -> None:
        self._hub.telemetry.count(EDGE_CLOSES, 1, code)
