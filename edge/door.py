"""Lets clients in: the handler of the one address at which a socket is asked for.

In: HTTP requests, as aiohttp reads them. Out: an error of HTTP, or a 101 behind which the
connection is a `ClientSocket` until it ends. aiohttp gives the server, its HTTP parser and its
time-outs; from the upgrade on it hands over bytes (ADR 0011).
"""

from aiohttp import web

from edge import hardening
from edge.hub import Hub
from edge.outbox import Outbox
from edge.tokens import Principal, Refusal
from edge.websocket import ClientSocket
from events.frames import CloseCode
from infra.telemetry import EDGE_HANDSHAKES


class Door:
    """The way in."""

    def __init__(self, hub: Hub) -> None:
        self.is_open = True
        self._hub = hub

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; returns when its socket has ended."""
        granted = self._admit(request)
        if isinstance(granted, hardening.Refusal):
            self._hub.telemetry.count(EDGE_HANDSHAKES, 1, str(granted.status))
            refused = web.Response(
                status=granted.status, text=f"{granted.detail}\n", headers=granted.headers
            )
            refused.force_close()
            return refused
        upgrade, principal = granted
        self._hub.telemetry.count(EDGE_HANDSHAKES, 1, "101")
        response = _Switched(upgrade.headers)
        writer = await response.prepare(request)
        transport = request.transport
        if transport is None or writer is None:
            return response
        settings = self._hub.settings
        outbox = Outbox(
            transport,
            request.protocol,
            writer,
            frames_max=settings.outbox_frames_max,
            bytes_max=settings.outbox_bytes_max,
        )
        socket = ClientSocket(self._hub, transport, outbox)
        request.protocol.keep_alive(False)
        if upgrade.spoken:
            socket.open(principal)
        else:
            socket.close(CloseCode.UNSUPPORTED_PROTOCOL, "unsupported_protocol")
        request.protocol.set_parser(socket)  # type: ignore[arg-type]
        await socket.ended
        return response

    def _admit(
        self, request: web.Request
    ) -> tuple[hardening.Upgrade, Principal | None] | hardening.Refusal:
        settings = self._hub.settings
        upgrade = hardening.upgrade(
            (request.version.major, request.version.minor),
            request.method,
            request.query_string,
            request.headers,
            settings.allowed_origins,
        )
        if isinstance(upgrade, hardening.Refusal):
            return upgrade
        if not self.is_open or self._hub.connections.sockets >= settings.sockets_max:
            return hardening.Refusal(503, "No room for another socket.", {"Retry-After": "5"})
        token = hardening.bearer(request.headers)
        if token is None or isinstance(token, hardening.Refusal):
            return (upgrade, None) if token is None else token
        principal = self._hub.keyring.check(token)
        if isinstance(principal, Refusal):
            return hardening.Refusal(
                401,
                f"Not authenticated: {principal.detail}.",
                {"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        return upgrade, principal


class _Switched(web.StreamResponse):
    """A 101 answer, behind which the socket is ours."""

    _length_check = False

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__(status=101, headers=headers)
        self.force_close()

    async def write_eof(self, data: bytes = b"") -> None:
        """Write nothing: the socket has ended already."""
