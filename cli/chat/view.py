"""The open conversation as a control of the window: what part of it is visible, and scrolling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import UIContent, UIControl
from prompt_toolkit.mouse_events import MouseEvent, MouseEventType

from cli.chat.cells import Cells
from cli.chat.lines import Line, conversation_lines
from cli.chat.room import Room


class Conversation(UIControl):
    """The open conversation. `back` is how many lines it is scrolled up from the newest."""

    def __init__(self, room: Room, older: Callable[[], None]) -> None:
        self._room = room
        self._older = older
        self.back = 0
        self._height = 1
        self._count = 0
        self._first = ("", 0)

    def create_content(self, width: int, height: int) -> UIContent:
        """What is visible, from the lines of the whole."""
        lines = self._lines(width)
        first = (self._room.open_id, self._room.messages[0].seq if self._room.messages else 0)
        if self.back and first == self._first:
            self.back += len(lines) - self._count  # What came below does not move the view.
        self._first, self._count, self._height = first, len(lines), height
        self.back = max(0, min(self.back, len(lines) - height))
        self._room.watched = self.back == 0
        end = len(lines) - self.back
        shown = lines[max(0, end - height) : end]
        blank: list[Line] = [[]] * (height - len(shown))
        visible: list[StyleAndTextTuples] = [
            [(style, Cells(text)) for style, text in line] for line in blank + shown
        ]
        return UIContent(visible.__getitem__, line_count=height, show_cursor=False)

    def scroll(self, lines: int) -> None:
        """Up by so many lines, or down; at the top older messages are loaded."""
        if lines > 0 and self.back + self._height >= self._count:
            self._older()
        self.back = max(0, self.back + lines)
        self._room.watched = self.back == 0

    def page(self) -> int:
        """How many lines a page is."""
        return max(1, self._height - 2)

    def mouse_handler(self, mouse_event: MouseEvent) -> Any:
        """The wheel scrolls."""
        if mouse_event.event_type == MouseEventType.SCROLL_UP:
            self.scroll(3)
        elif mouse_event.event_type == MouseEventType.SCROLL_DOWN:
            self.scroll(-3)
        else:
            return NotImplemented
        return None

    def _lines(self, width: int) -> list[Line]:
        room = self._room
        if not room.open_id:
            return [[("class:hint", "  Nobody is here yet. Write to somebody: /open NAME")]]
        client, open_id = room.client, room.open_id
        return conversation_lines(
            room.messages,
            client.unsent(open_id),
            [why for conversation_id, why in room.refusals if conversation_id == open_id],
            client.user_id,
            lambda seq: client.state.tick(open_id, seq),
            width,
        )
