"""One authenticated socket, from the upgrade to its end, and what its end means.

Every way to fail becomes Disconnected, which says whether to come back and how long to wait at
least. The token goes in the Authorization header of the upgrade.
"""

import asyncio
from typing import Any

import aiohttp
from aiohttp import ClientSession, ClientWebSocketResponse, ClientWSTimeout, WSMsgType

from client import frames
from client.frames import ServerFrame, Unknown, Welcome

CONNECT_TIMEOUT_SECONDS = 10.0
WELCOME_TIMEOUT_SECONDS = 20.0
"""More than a gateway takes at most to register a session, or to send its client elsewhere."""
FRAME_BYTES_MAX = 4 * 1024 * 1024
"""A page holds 256 KiB of bodies; escaped in JSON they may take six times that."""

_CLOSES = {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED}
_STOP_CODES = {4509: "replaced", 4504: "unsupported_protocol"}
_REFUSED_UPGRADES = {
    400: ("bad_request", "the upgrade was not understood"),
    403: ("forbidden", "this client may not connect there"),
    404: ("no_gateway", "there is no gateway at this address"),
    405: ("no_gateway", "there is no gateway at this address"),
    410: ("no_gateway", "there is no gateway at this address any more"),
    426: ("unsupported_protocol", "the gateway speaks another protocol"),
}
"""The same would happen again. After any other status it is tried again: what stands in between may
have said it, and be mended. A proxy that is being deployed says 404, which is therefore believed
only when it is repeated (`Options.not_found_max`)."""
_NOT_FOUND = 404

_RETRY_AFTER_SECONDS_MAX = 600.0


class Disconnected(Exception):
    """The socket ended, or could not be opened."""

    def __init__(
        self,
        detail: str,
        *,
        reconnect: bool,
        close_code: int | None = None,
        unauthorized: bool = False,
        address_code: str = "",
        may_pass: bool = False,
        retry_after_seconds: float = 0.0,
    ) -> None:
        """`address_code` is the stable word for an address that is of no use; others may be.

        `may_pass`: it is of no use only if it says so again and again.
        """
        super().__init__(detail)
        self.detail = detail
        self.reconnect = reconnect
        self.close_code = close_code
        self.unauthorized = unauthorized
        self.address_code = address_code
        self.may_pass = may_pass
        self.retry_after_seconds = retry_after_seconds

    @property
    def stop_code(self) -> str:
        """The stable word for an end that is final."""
        if self.unauthorized:
            return "not_authenticated"
        if self.address_code:
            return self.address_code
        return _STOP_CODES.get(self.close_code or 0, "refused")


class Connection:
    """An open socket after its welcome."""

    def __init__(self, socket: ClientWebSocketResponse[bool], url: str) -> None:
        self._socket = socket
        self.url = url
        self.retry_after_seconds = 0.0

    async def receive(self) -> ServerFrame | Unknown:
        """The next frame. Raises Disconnected."""
        message = await self._socket.receive()
        if message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY:
            frame = frames.decode(message.data)
            if type(frame) is frames.Error and frame.id is None:
                self.retry_after_seconds = frame.retry_after_seconds or 0.0
            return frame
        raise self._ended(message)

    def _ended(self, message: Any) -> Disconnected:
        if message.type not in _CLOSES:
            return Disconnected(f"the socket broke: {message.data}", reconnect=True)
        code = self._socket.close_code
        reason = message.extra if isinstance(message.extra, str) else ""
        return Disconnected(
            f"closed with {code} {reason}".rstrip(),
            reconnect=frames.reconnects(code),
            close_code=code,
            unauthorized=code == 4501,
            retry_after_seconds=self.retry_after_seconds,
        )

    async def send(self, frame: bytes) -> None:
        """Write one frame. Raises ConnectionError when the socket is gone."""
        await self._socket.send_frame(frame, WSMsgType.TEXT)

    async def close(self) -> None:
        """Say goodbye."""
        await self._socket.close()


async def connect(
    http: ClientSession, url: str, token: str, *, since: str | None, heartbeat_seconds: float
) -> tuple[Connection, Welcome]:
    """Open a socket and wait for its welcome. Raises Disconnected.

    `since` is the token of the heads up to which this device has everything.
    """
    if not all("!" <= character <= "~" for character in token):
        raise Disconnected(
            "the access token cannot be sent in a header", reconnect=False, unauthorized=True
        )
    headers = {"Authorization": f"Bearer {token}"}
    if since is not None:
        headers["Chat-Since"] = since
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            socket = await http.ws_connect(
                url,
                protocols=(frames.SUBPROTOCOL,),
                headers=headers,
                heartbeat=heartbeat_seconds,
                max_msg_size=FRAME_BYTES_MAX,
                timeout=ClientWSTimeout(ws_close=2.0),
                decode_text=False,
            )
    except aiohttp.WSServerHandshakeError as error:
        raise _refused_upgrade(url, error) from error
    except TimeoutError as error:
        raise Disconnected(f"{url} did not answer", reconnect=True) from error
    except aiohttp.ClientSSLError as error:  # some of them are ValueErrors
        raise Disconnected(f"{url} cannot be trusted: {error}", reconnect=True) from error
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError) as error:
        raise Disconnected(
            f"the address {url} is not one of a WebSocket",
            reconnect=False,
            address_code="bad_address",
        ) from error
    except (aiohttp.ClientError, OSError) as error:
        raise Disconnected(f"{url} cannot be reached", reconnect=True) from error
    connection = Connection(socket, url)
    try:
        async with asyncio.timeout(WELCOME_TIMEOUT_SECONDS):
            return connection, await _welcomed(connection)
    except BaseException as error:
        await connection.close()
        if isinstance(error, TimeoutError):
            raise Disconnected(f"{url} sent no welcome", reconnect=True) from error
        raise


async def _welcomed(connection: Connection) -> Welcome:
    while True:
        frame = await connection.receive()
        if isinstance(frame, Welcome):
            return frame


def _refused_upgrade(url: str, error: aiohttp.WSServerHandshakeError) -> Disconnected:
    wait = error.headers.get("Retry-After", "0") if error.headers is not None else "0"
    code, why = _REFUSED_UPGRADES.get(error.status, ("", ""))
    return Disconnected(
        f"{url} answered {error.status}" + (f": {why}" if why else ""),
        reconnect=not code and error.status != 401,
        unauthorized=error.status == 401,
        address_code=code,
        may_pass=error.status == _NOT_FOUND,
        retry_after_seconds=min(float(wait), _RETRY_AFTER_SECONDS_MAX)
        if wait.isascii() and wait.isdigit()
        else 0.0,
    )
