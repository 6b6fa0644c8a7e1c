"""Who is connected here: every socket, and the session and device that each one is.

In: sockets that come, authenticate and go. Out: the socket of a session id, the one older socket of
the same device, and a visit to every socket every few seconds, a few at a time. Frames that are put
on sockets within one pass of the loop are written together at its end.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Protocol

from edge.tokens import Principal

_VISITS = 6
"""Visits to a socket while it may be silent."""

_TICK_SECONDS = 0.25


class Socket(Protocol):
    """A socket, as far as this module needs to know one."""

    @property
    def ended(self) -> "asyncio.Future[None]":
        """Done when the socket has ended."""

    @property
    def session_id(self) -> int:
        """The id of its session, once it is authenticated."""

    @property
    def principal(self) -> Principal | None:
        """Whose socket it is, once it is authenticated."""

    def visit(self, now: float) -> None:
        """See whether something is due: a ping, a time-out."""

    def flush(self) -> None:
        """Write what waits."""

    def send(self, frame: bytes) -> None:
        """Put a WebSocket frame in its outbox."""

    def registered(self) -> None:
        """Its session can be reached by what is routed."""

    def close(self, code: int, reason: str) -> None:
        """End it, with a close frame."""

    def replaced(self) -> None:
        """It is said that a newer session of its device took its place."""

    def announce(self) -> None:
        """Say again that its session is here."""


class Connections:
    """The sockets of this gateway."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, heartbeat_seconds: float, devices_max: int
    ) -> None:
        self._loop = loop
        self._devices_max = devices_max
        self._visit_seconds = heartbeat_seconds / _VISITS
        self._sockets: dict[Socket, int] = {}
        """Each with its place in the order in which sockets were opened."""
        self._opened = 0
        self._sessions: dict[int, Socket] = {}
        self._devices: dict[tuple[str, str], Socket] = {}
        self._devices_of: dict[str, int] = {}
        self._visits: deque[tuple[float, Socket]] = deque()
        self._unwritten: list[Socket] = []
        self._last_session_id = 0

    @property
    def sockets(self) -> int:
        """How many sockets are held, authenticated or not."""
        return len(self._sockets)

    @property
    def sessions(self) -> int:
        """How many devices are authenticated."""
        return len(self._sessions)

    def new_session_id(self) -> int:
        """An id that is unique within this gateway's epoch."""
        self._last_session_id += 1
        return self._last_session_id

    def add(self, socket: Socket) -> None:
        """A socket was opened."""
        self._opened += 1
        self._sockets[socket] = self._opened
        self._visits.append((self._loop.time() + self._visit_seconds, socket))

    def has_room_for(self, principal: Principal) -> bool:
        """Whether the user may have this device here too; one that is here already has room."""
        return (
            self._devices_of.get(principal.user_id, 0) < self._devices_max
            or (principal.user_id, principal.device_id) in self._devices
        )

    def has_newer(self, socket: Socket, principal: Principal) -> bool:
        """Whether a socket that was opened after this one is the device's already.

        What a client left behind may be read late: its first frame was on the way when it connected
        again. Order of opening decides, not order of reading.
        """
        other = self._devices.get((principal.user_id, principal.device_id))
        return other is not None and self._sockets[other] > self._sockets.get(socket, 0)

    def authenticated(self, socket: Socket, principal: Principal) -> Socket | None:
        """A socket has a session now; the older socket of the same device, if there is one."""
        self._sessions[socket.session_id] = socket
        device = (principal.user_id, principal.device_id)
        older = self._devices.get(device)
        self._devices[device] = socket
        if older is None:
            user_id = principal.user_id
            self._devices_of[user_id] = self._devices_of.get(user_id, 0) + 1
        return older

    def remove(self, socket: Socket) -> None:
        """A socket ended."""
        self._sockets.pop(socket, None)
        self._sessions.pop(socket.session_id, None)
        principal = socket.principal
        if principal is not None:
            device = (principal.user_id, principal.device_id)
            if self._devices.get(device) is socket:
                del self._devices[device]
                self._one_device_less(principal.user_id)

    def of_session(self, session_id: int) -> Socket | None:
        """The socket of a session."""
        return self._sessions.get(session_id)

    def all_sessions(self) -> list[Socket]:
        """The sockets that have a session."""
        return list(self._sessions.values())

    def all_sockets(self) -> list[Socket]:
        """Every socket."""
        return list(self._sockets)

    def unwritten(self, socket: Socket) -> None:
        """A socket has frames to be written at the end of this pass of the loop."""
        if not self._unwritten:
            self._loop.call_soon(self.flush)
        self._unwritten.append(socket)

    def flush(self) -> None:
        """Write what waits on every socket."""
        sockets, self._unwritten = self._unwritten, []
        for socket in sockets:
            socket.flush()

    async def visit(self) -> None:
        """Visit every socket every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = self._loop.time()
            for socket in self._due(now):
                socket.visit(now)

    def _one_device_less(self, user_id: str) -> None:
        self._devices_of[user_id] -= 1
        if not self._devices_of[user_id]:
            del self._devices_of[user_id]

    def _due(self, now: float) -> Iterator[Socket]:
        visits = self._visits
        while visits and visits[0][0] <= now:
            _, socket = visits.popleft()
            if not socket.ended.done():
                visits.append((now + self._visit_seconds, socket))
                yield socket
