"""A WebSocket client that can also do what no client should: any bytes, on a real socket."""

import asyncio
import base64
import json
import os
import secrets
import ssl
import time
from typing import Any

from events.ids import timed_id
from tests.live import WAIT_SECONDS

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
UPGRADE = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "chat.v1.json",
}


class Closed(Exception):
    """The server closed; with the code of its close frame, None when there was none."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


def frame(payload: bytes | str, opcode: int = TEXT, *, first: int | None = None) -> bytes:
    """A masked frame as a client sends it; `first` replaces the whole first byte."""
    data = payload.encode() if isinstance(payload, str) else payload
    mask = os.urandom(4)
    length = len(data)
    if length < 126:
        size = bytes([0x80 | length])
    elif length < 65_536:
        size = b"\xfe" + length.to_bytes(2, "big")
    else:
        size = b"\xff" + length.to_bytes(8, "big")
    masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
    return bytes([0x80 | opcode if first is None else first]) + size + mask + masked


def request(path: str = "/v1/ws", method: str = "GET", **headers: str | None) -> bytes:
    """An upgrade request; headers by name with _ for -, None leaves one out."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    merged = {"Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), **UPGRADE, **named}
    lines = [f"{name}: {value}" for name, value in merged.items() if value is not None]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode()


class Client:
    """One connection to a gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.session_id = 0
        self.headers: dict[str, str] = {}

    @classmethod
    async def connect(
        cls,
        port: int,
        raw: bytes | None = None,
        local_address: str | None = None,
        tls: ssl.SSLContext | None = None,
        **headers: str | None,
    ) -> "Client":
        """Connect and upgrade; look at `status` for the outcome."""
        client = await cls.dial(port, local_address, tls)
        client.writer.write(request(**headers) if raw is None else raw)
        await client.read_head()
        return client

    @classmethod
    async def dial(
        cls, port: int, local_address: str | None = None, tls: ssl.SSLContext | None = None
    ) -> "Client":
        """A TCP connection and nothing more; from another address of this machine, if given."""
        local = (local_address, 0) if local_address else None
        return cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=local, ssl=tls))

    async def read_head(self) -> None:
        """The head of an HTTP answer."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 60)).decode()
        line, *rest = head.split("\r\n")
        self.status = int(line.split()[1])
        self.headers = {
            name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)
        }

    def send(self, value: Any) -> None:
        """Send a JSON frame; a string is sent as it is."""
        self.writer.write(frame(value if isinstance(value, str) else json.dumps(value)))

    def send_message(self, to: str, body: str = "hello", **more: Any) -> str:
        """Send a message; its id."""
        message_id = new_id()
        self.send({"type": "send", "id": message_id, "to": to, "body": body, **more})
        return message_id

    async def hello(self, token: str) -> dict[str, Any]:
        """Authenticate; the welcome."""
        self.send({"type": "hello", "token": token})
        return await self.receive()

    async def read_frame(self, timeout_seconds: float = WAIT_SECONDS) -> tuple[int, bytes]:
        """One frame of the server. Raises Closed at the end of the stream."""
        return await asyncio.wait_for(self._read_frame(), timeout_seconds)

    async def receive(self, timeout_seconds: float = WAIT_SECONDS) -> dict[str, Any]:
        """The next JSON frame. Raises Closed."""
        while True:
            opcode, payload = await self.read_frame(timeout_seconds)
            if opcode == TEXT:
                value: dict[str, Any] = json.loads(payload)
                return value
            if opcode == CLOSE:
                raise Closed(int.from_bytes(payload[:2], "big"), payload[2:].decode())

    async def closed(self, timeout_seconds: float = WAIT_SECONDS) -> Closed:
        """Read to the end; how the server closed."""
        try:
            while True:
                await self.receive(timeout_seconds)
        except Closed as closed:
            return closed

    async def ended(self, timeout_seconds: float = WAIT_SECONDS) -> None:
        """Wait until the server has ended the TCP connection."""
        try:
            await asyncio.wait_for(self.reader.read(-1), timeout_seconds)
        except ConnectionError:
            return

    def end(self) -> None:
        """Hang up."""
        self.writer.close()

    async def _read_frame(self) -> tuple[int, bytes]:
        try:
            first, second = await self.reader.readexactly(2)
            length = second & 0x7F
            if length >= 126:
                size = 2 if length == 126 else 8
                length = int.from_bytes(await self.reader.readexactly(size), "big")
            return first & 0x0F, await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Closed(None) from None


def new_id() -> str:
    """A client message id."""
    return timed_id(time.time_ns() // 1_000_000, secrets.randbits(74))
