"""The chat as plain lines: for a dumb terminal, and for pipes and scripts.

Messages are printed as they come and ticks when they move. At the end of the input it waits until
everything that was written is accepted, and leaves.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError

from cli.chat.lines import TICKS
from cli.chat.room import Leave, Room, title
from cli.clock import local
from client.errors import Stopped
from client.messages import (
    Link,
    LinkChanged,
    MarkerMoved,
    Message,
    MessageRefused,
    Notice,
    Tick,
    others_in,
)
from events.text import harmless

SENT_SECONDS_MAX = 30.0
LINES_AHEAD_MAX = 100


class Plain:
    """A chat on standard input and output."""

    def __init__(self, room: Room, say: Callable[[str], None] | None = None) -> None:
        self._room = room
        self._link = ""
        self._say = say or (lambda text: print(text, flush=True))

    def hear(self, notice: Notice) -> None:
        """Tell news of the client that are worth a line."""
        match notice:
            case LinkChanged(link=Link.ONLINE):
                self._tell_link("online")
            case LinkChanged(link=Link.OFFLINE):
                self._tell_link(f"offline: {notice.detail}")
            case MarkerMoved() if notice.user_id != self._room.client.user_id:
                self._tell_tick(notice)
            case MessageRefused():
                self._say(f"* not sent: {notice.detail or notice.code}")

    async def run(self) -> str:
        """Chat until the input ends or the client is stopped; why it ended."""
        if self._room.open_id:
            others = others_in(self._room.open_id, self._room.client.user_id)
            self._say(f"* talking to {title(others)}")
        reading = asyncio.create_task(self._read())
        typing = asyncio.create_task(self._type())
        try:
            await asyncio.wait([reading, typing], return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                return await reading
            await typing
            await self._room.client.until_sent(SENT_SECONDS_MAX)
            return ""
        except TimeoutError:
            return f"{self._room.client.state.unsent} messages are kept and not sent yet."
        except Stopped as stopped:
            return stopped.detail
        finally:
            for task in (reading, typing):
                task.cancel()
            await asyncio.gather(reading, typing, return_exceptions=True)

    async def _read(self) -> str:
        try:
            async for message in self._room.client.messages():
                self._show(message)
                if not self._room.open_id:
                    await self._room.open(message.conversation_id)
                await self._room.take(message)
        except Stopped as stopped:
            return stopped.detail
        return ""

    async def _type(self) -> None:
        lines: asyncio.Queue[str] = asyncio.Queue(maxsize=LINES_AHEAD_MAX)
        loop = asyncio.get_running_loop()

        def read() -> None:
            """On a thread that may stay behind: a file, a pipe and a terminal differ in asyncio."""
            try:
                for line in sys.stdin:
                    asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()
                asyncio.run_coroutine_threadsafe(lines.put(""), loop).result()
            except (RuntimeError, CancelledError):
                return  # The chat has ended meanwhile.

        threading.Thread(target=read, name="typing", daemon=True).start()
        try:
            while line := await lines.get():
                await self._obey(line)
        except Leave:
            return

    async def _obey(self, line: str) -> None:
        before = len(self._room.messages)
        await self._room.typed(line)
        if line.startswith(("/open", "/o ", "/to")):
            before = 0
        older = self._room.messages[: len(self._room.messages) - before]
        if line.startswith("/"):
            for message in older:
                self._show(message)
        if self._room.said:
            for said in self._room.said.splitlines():
                self._say(f"* {said}")
            self._room.said = ""

    def _show(self, message: Message) -> None:
        at = local(message.sent_at).strftime("%H:%M")
        own = message.sender_id == self._room.client.user_id
        name = "you" if own else message.sender_id
        body = harmless(message.body).replace("\n", "\n       ")
        tick = self._room.client.state.tick(message.conversation_id, message.seq)
        self._say(f"{at}  {name}: {body}{f'  {TICKS[tick][1]}' if own else ''}")

    def _tell_link(self, text: str) -> None:
        if text != self._link:
            self._link = text
            self._say(f"* {text}")

    def _tell_tick(self, moved: MarkerMoved) -> None:
        conversation = self._room.client.state.conversations[moved.conversation_id]
        if conversation.mine:
            tick = Tick.READ if moved.read >= conversation.mine else Tick.DELIVERED
            word = "read" if tick is Tick.READ else "delivered"
            self._say(f"* ✓✓ {word} by {moved.user_id}")
