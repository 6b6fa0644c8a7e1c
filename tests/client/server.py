"""The model server on a real socket, and ways to make it misbehave.

A test sets `before`, which sees each frame of a client before the model does and may answer with
the actions DROP (take it, answer nothing), or a close code (take nothing, close the socket);
`after` does the same with each frame on its way to a client. Everything else is by the protocol.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

from tests.client.model import Device, Frame, ModelServer

DROP = 0

Hook = Callable[[Device, Frame], int | None]


class FakeServer:
    """One gateway. A token is `user/device`."""

    def __init__(self, model: ModelServer | None = None) -> None:
        self.model = model or ModelServer()
        self.sockets: dict[Device, web.WebSocketResponse] = {}
        self.before: Hook = lambda device, frame: None
        self.after: Hook = lambda device, frame: None
        self.refuse: Callable[[], web.Response | None] = lambda: None
        self.connections = 0
        self.received: list[Frame] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.router.add_get("/v1/ws", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"{site.name}/v1/ws".replace("http://", "ws://")

    async def stop(self) -> None:
        for device in list(self.sockets):
            self.cut(device)
        if self._runner is not None:
            await self._runner.cleanup()

    def cut(self, device: Device) -> None:
        """Break the connection without a goodbye, as a lost link does."""
        socket = self.sockets.pop(device)
        assert socket._req is not None
        transport = socket._req.transport
        assert transport is not None
        transport.abort()

    async def push(self, device: Device, frame: Frame) -> None:
        """Send a frame to a device, unasked."""
        await self.sockets[device].send_str(json.dumps(frame))

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.connections += 1
        refusal = self.refuse()
        if refusal is not None:
            return refusal
        user, _, device_id = request.headers["Authorization"].removeprefix("Bearer ").partition("/")
        device = (user, device_id)
        socket = web.WebSocketResponse(protocols=("chat.v1.json",), max_msg_size=0)
        await socket.prepare(request)
        self.sockets[device] = socket
        self.model.devices.add(device)
        await self._deliver(device, self.model.welcome(device))
        await self._deliver(device, self.model.heads(user))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._take(device, json.loads(message.data))
        finally:
            if self.sockets.get(device) is socket:
                del self.sockets[device]
                self.model.devices.discard(device)
        return socket

    async def _take(self, device: Device, frame: Frame) -> None:
        self.received.append(frame)
        action = self.before(device, frame)
        if action:
            await self.sockets[device].close(code=action)
        elif action is None:
            self.model.now += 1
            for target, answer in self.model.handle(device, frame):
                await self._deliver(target, answer)

    async def _deliver(self, device: Device, frame: Frame) -> None:
        socket = self.sockets.get(device)
        if socket is None or socket.closed:
            return
        action = self.after(device, frame)
        if action:
            await socket.close(code=action)
        elif action is None:
            await socket.send_str(json.dumps(frame))


@asynccontextmanager
async def running(model: ModelServer | None = None) -> AsyncIterator[FakeServer]:
    """A server for the time of a block."""
    server = FakeServer(model)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def once(matches: Callable[[Device, Frame], bool], action: int) -> Hook:
    """A hook that acts on the first frame that matches."""
    done: list[Any] = []

    def hook(device: Device, frame: Frame) -> int | None:
        if not done and matches(device, frame):
            done.append(frame)
            return action
        return None

    return hook


async def soon(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - a test may look at anything
            await asyncio.sleep(0.005)
