"""A scripted gateway: another implementation of WebSockets, no log, and faults on demand."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from events.frames import SUBPROTOCOL
from events.ids import direct_conversation
from events.members import members_of


@dataclass
class ScriptedGateway:
    """Answers at once. Every `nth` message (0: none) meets the fault."""

    fault: str = "none"
    nth: int = 10
    sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)
    seqs: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    held: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,))
        await socket.prepare(request)
        user = _subject(request.headers["Authorization"])
        self.sockets[user] = socket
        await socket.send_json({"type": "welcome", "session_id": "1"})
        await socket.ping(b"are you there")
        await socket.send_json({"type": "heads", "heads": {}, "more": False})
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                await self.take(user, json.loads(message.data))
        return socket

    async def take(self, user: str, frame: dict) -> None:
        if frame["type"] == "send":
            await self.take_message(user, frame)
        else:
            peer = _peer(frame["conversation_id"], user)
            receipt = {**frame, "type": "receipt", "kind": frame["type"], "user_id": user}
            await self.show(peer, receipt)

    async def take_message(self, user: str, frame: dict) -> None:
        self.messages += 1
        fault = self.fault if self.messages % self.nth == 0 else "none"
        if fault == "refuse":
            await self.show(user, {"type": "error", "code": "unavailable", "id": frame["id"]})
            return
        conversation_id = direct_conversation(user, frame["to"])
        self.seqs[conversation_id] += 1
        seq = self.seqs[conversation_id]
        shown = {"id": frame["id"], "conversation_id": conversation_id, "seq": seq}
        await self.show(user, {"type": "accepted", **shown})
        if fault == "double":
            await self.show(frame["to"], {"type": "event", **shown})
        if fault == "reorder":
            self.held.append((frame["to"], {"type": "event", **shown}))
            return
        if fault == "lose":
            return
        await self.show(frame["to"], {"type": "event", **shown})
        while self.held:
            await self.show(*self.held.pop())

    async def show(self, user: str, frame: dict) -> None:
        await self.sockets[user].send_str(json.dumps(frame))

    def server(self) -> TestServer:
        app = web.Application()
        app.router.add_get("/v1/ws", self.serve)
        return TestServer(app)


def _subject(authorization: str) -> str:
    import jwt

    token = authorization.removeprefix("Bearer ")
    return jwt.decode(token, options={"verify_signature": False})["sub"]


def _peer(conversation_id: str, user: str) -> str:
    one, other = members_of(conversation_id)
    return other if user == one else one
