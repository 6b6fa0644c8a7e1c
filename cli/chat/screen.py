"""The full-screen chat: conversations on the left, the open one on the right, a line to type in.

Ticks change in place, because everything is drawn anew from the room whenever the client has news.
Scrolling up, by PgUp or the wheel, loads older messages; at the bottom new ones are read as they
come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.layout import (
    ConditionalContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    VSplit,
    Window,
)
from prompt_toolkit.output import Output
from prompt_toolkit.styles import Style
from prompt_toolkit.widgets import TextArea

from cli.chat.lines import chat_line
from cli.chat.room import Leave, Room, title
from cli.chat.view import Conversation
from client.errors import Stopped
from client.messages import Link, others_in
from events.text import harmless

LIST_COLUMNS = 22
LIST_NEEDS_COLUMNS = 64

STYLE = Style.from_dict(
    {
        "bar": "reverse",
        "bar.online": "reverse ansigreen",
        "bar.offline": "reverse ansiyellow",
        "nbsp": "nounderline ansidefault",  # A space like any other.
        "rule": "ansibrightblack",
        "time": "ansibrightblack",
        "own": "ansicyan",
        "other": "ansimagenta bold",
        "waiting": "ansibrightblack",
        "sent": "ansibrightblack",
        "delivered": "ansibrightblack",
        "read": "ansibrightblue bold",
        "refused": "ansired",
        "open": "bold",
        "unread": "bold",
        "quiet": "",
        "count": "ansigreen bold",
        "mark": "ansicyan",
        "hint": "ansibrightblack",
        "said": "ansiyellow",
        "prompt": "ansicyan bold",
    }
)


_MORE = ("/more", "/m")


class Screen:
    """The terminal as a chat window. `source` and `sink` are for tests."""

    def __init__(
        self, room: Room, who: str, *, source: Input | None = None, sink: Output | None = None
    ) -> None:
        self._room = room
        self._who = who
        self._tasks: set[asyncio.Task[None]] = set()
        self._loading = False
        self._view = Conversation(room, self._load_older)
        self._entry = TextArea(
            height=1,
            prompt=[("class:prompt", "> ")],
            multiline=False,
            wrap_lines=False,
            accept_handler=lambda buffer: self._accept(buffer.text),
        )
        self.app: Application[str] = Application(
            layout=Layout(self._layout(), focused_element=self._entry),
            key_bindings=self._keys(),
            style=STYLE,
            full_screen=True,
            mouse_support=True,
            refresh_interval=15.0,
            min_redraw_interval=0.03,
            input=source,
            output=sink,
        )
        room.changed = self.app.invalidate

    async def run(self) -> str:
        """Show it until the user leaves or the client is stopped; why it ended."""
        reading = asyncio.create_task(self._read())
        try:
            return await self.app.run_async() or ""
        finally:
            for task in (reading, *self._tasks):
                task.cancel()
            await asyncio.gather(reading, *self._tasks, return_exceptions=True)

    async def _read(self) -> None:
        try:
            async for message in self._room.client.messages():
                if not self._room.open_id:
                    await self._room.open(message.conversation_id)
                await self._room.take(message)
        except Stopped as stopped:
            if self.app.is_running:
                self.app.exit(result=stopped.detail)

    def _layout(self) -> HSplit:
        wide = Condition(lambda: self.app.output.get_size().columns >= LIST_NEEDS_COLUMNS)
        conversations = VSplit(
            [
                Window(FormattedTextControl(self._list), width=LIST_COLUMNS, wrap_lines=False),
                Window(width=1, char="│", style="class:rule"),
            ]
        )
        said = Window(
            FormattedTextControl(lambda: [("class:said", harmless(self._room.said))]),
            dont_extend_height=True,
            wrap_lines=True,
        )
        return HSplit(
            [
                Window(FormattedTextControl(self._bar), height=1, style="class:bar"),
                VSplit([ConditionalContainer(conversations, wide), Window(self._view)]),
                Window(height=1, char="─", style="class:rule"),
                ConditionalContainer(said, Condition(lambda: bool(self._room.said))),
                self._entry,
                Window(FormattedTextControl(self._hint), height=1),
            ]
        )

    def _bar(self) -> StyleAndTextTuples:
        room = self._room
        if room.link is Link.ONLINE:
            style, state = "class:bar.online", f"● online at {_host(room.link_detail)}"
        else:
            waiting = room.client.state.unsent
            kept = f"; {waiting} to send" if waiting else ""
            style, state = "class:bar.offline", f"○ {room.link.value}{kept}"
        name = title(others_in(room.open_id, room.client.user_id)) if room.open_id else ""
        return [("class:bar", f" {self._who}  "), (style, state), ("class:bar", f"   {name}")]

    def _list(self) -> StyleAndTextTuples:
        fragments: StyleAndTextTuples = []
        for chat in self._room.chats():
            is_open = chat.conversation_id == self._room.open_id
            fragments += [*chat_line(chat, title(chat.others), is_open, LIST_COLUMNS), ("", "\n")]
        return fragments

    def _hint(self) -> StyleAndTextTuples:
        if self._view.back:
            return [("class:hint", f"  {self._view.back} lines further down · PgDn · End")]
        return [("class:hint", "  Enter send · Tab next · PgUp older · /open NAME · /help")]

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("c-c")
        @keys.add("c-d")
        def leave(event: KeyPressEvent) -> None:
            event.app.exit(result="")

        @keys.add("tab")
        def following(event: KeyPressEvent) -> None:
            self._do(self._switch(1))

        @keys.add("s-tab")
        def previous(event: KeyPressEvent) -> None:
            self._do(self._switch(-1))

        @keys.add("pageup")
        def up(event: KeyPressEvent) -> None:
            self._view.scroll(self._view.page())

        @keys.add("pagedown")
        def down(event: KeyPressEvent) -> None:
            self._view.scroll(-self._view.page())
            self._do(self._room.read())

        @keys.add("end")
        def newest(event: KeyPressEvent) -> None:
            self._to_the_newest()
            self._entry.buffer.cursor_position = len(self._entry.text)

        @keys.add("escape")
        def understood(event: KeyPressEvent) -> None:
            self._room.said = ""

        return keys

    def _accept(self, text: str) -> bool:
        if text.strip() not in _MORE:
            self._to_the_newest()
        self._do(self._typed(text))
        return False

    async def _typed(self, text: str) -> None:
        if text.strip() in _MORE:
            self._view.scroll(self._view.page())
            return
        try:
            await self._room.typed(text)
        except Leave:
            self.app.exit(result="")

    async def _switch(self, by: int) -> None:
        self._view.back = 0
        self._room.watched = True
        await self._room.step(by)

    def _to_the_newest(self) -> None:
        self._view.back = 0
        self._room.watched = True
        self._do(self._room.read())

    def _load_older(self) -> None:
        if not self._loading and not self._room.at_the_beginning:
            self._loading = True
            self._do(self._older())

    async def _older(self) -> None:
        try:
            await self._room.older()
        finally:
            self._loading = False

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _host(url: str) -> str:
    return url.removeprefix("ws://").removeprefix("wss://").partition("/")[0]
