"""The chat as plain lines: for a dumb terminal, and for pipes and scripts.

Messages are printed as they come and ticks when they move. At the end of the input it waits until
everything that was written is accepted or refused, and leaves; what was refused makes it fail.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import BinaryIO

from cli import terminal
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
    others_in,
)
from events.text import harmless, on_one_line

SENT_SECONDS_MAX = 30.0
LINES_AHEAD_MAX = 100
LINE_BYTES_MAX = 1 << 20
"""A longer line is taken as several; no message is nearly that long."""


class Plain:
    """A chat on standard input and output. `source` and `say` are for tests."""

    def __init__(
        self,
        room: Room,
        say: Callable[[str], None] | None = None,
        source: BinaryIO | None = None,
    ) -> None:
        self._room = room
        self._link = ""
        self._say = say or (lambda text: print(text, flush=True))
        self._source = source
        self.refused = 0
        """Lines of the input that were not sent, or not understood."""

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
                self._refuse(notice.detail or notice.code)

    async def run(self) -> str:
        """Chat until the input ends or the client is stopped; why it ended early, if it did."""
        if self._room.open_id:
            others = others_in(self._room.open_id, self._room.client.user_id)
            self._tell(f"talking to {title(others)}")
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
                if not terminal.is_heard():
                    return ""
        except Stopped as stopped:
            return stopped.detail
        return ""

    async def _type(self) -> None:
        lines: asyncio.Queue[bytes | OSError] = asyncio.Queue(maxsize=LINES_AHEAD_MAX)
        loop = asyncio.get_running_loop()
        source = self._source or sys.stdin.buffer

        def read() -> None:
            """On a thread that may stay behind: a file, a pipe and a terminal differ in asyncio."""
            line: bytes | OSError = b"-"
            while line and isinstance(line, bytes):
                try:
                    line = source.readline(LINE_BYTES_MAX)
                except OSError as error:  # It is a folder, for example.
                    line = error
                try:
                    asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()
                except (RuntimeError, CancelledError):
                    return  # The chat has ended meanwhile.

        threading.Thread(target=read, name="typing", daemon=True).start()
        try:
            number = 0
            while line := await lines.get():
                number += 1
                if isinstance(line, OSError):
                    self._refuse(f"the input cannot be read: {line.strerror}")
                    return
                try:
                    text = line.decode(sys.stdin.encoding)
                except UnicodeDecodeError as error:
                    self._refuse(f"line {number} is not {error.encoding}: {error.reason}")
                    continue
                await self._obey(text)
        except Leave:
            return

    async def _obey(self, line: str) -> None:
        before = len(self._room.messages)
        if not await self._room.typed(line):
            self.refused += 1
        if line.startswith(("/open", "/o ", "/to")):
            before = 0
        older = self._room.messages[: len(self._room.messages) - before]
        if line.startswith("/"):
            for message in older:
                self._show(message)
        if self._room.said:
            for said in self._room.said.splitlines():
                self._tell(said)
            self._room.said = ""

    def _show(self, message: Message) -> None:
        at = local(message.sent_at).strftime("%H:%M")
        own = message.sender_id == self._room.client.user_id
        name = "you" if own else on_one_line(message.sender_id)
        body = harmless(message.body).replace("\n", "\n       ")
        tick = self._room.client.state.tick(message.conversation_id, message.seq)
        self._say(f"{at}  {name}: {body}{f'  {TICKS[tick][1]}' if own else ''}")

    def _refuse(self, why: str) -> None:
        self.refused += 1
        self._tell(f"not sent: {why}")

    def _tell(self, text: str) -> None:
        self._say(f"* {on_one_line(text)}")

    def _tell_link(self, text: str) -> None:
        if text != self._link:
            self._link = text
            self._tell(text)

    def _tell_tick(self, moved: MarkerMoved) -> None:
        conversation = self._room.client.state.conversations[moved.conversation_id]
        newest = conversation.mine
        if newest and max(moved.delivered, moved.read) >= newest:
            word = "read" if moved.read >= newest else "delivered"
            self._tell(f"✓✓ {word} by {moved.user_id}")
