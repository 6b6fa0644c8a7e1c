"""A room as lines of styled text. Pure: in go messages and a width, out come lines.

A line is a list of (style class, text); a long message is wrapped with its text aligned. What
people wrote is made harmless first, so that a message cannot draw on the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from cli.clock import local
from cli.columns import clip, pad, width, wrap
from client.chats import Chat
from client.client import Unsent
from client.messages import Message, Tick
from events.text import harmless, on_one_line

Line = list[tuple[str, str]]

TICKS = {
    Tick.WAITING: ("class:waiting", "…"),
    Tick.SENT: ("class:sent", "✓"),
    Tick.DELIVERED: ("class:delivered", "✓✓"),
    Tick.READ: ("class:read", "✓✓"),
}

_NAME_COLUMNS_MAX = 12


def message_lines(
    at: str,
    name: str,
    own: bool,
    body: str,
    tick: Tick | None,
    columns: int,
    name_columns: int = 0,
) -> list[Line]:
    """One message: time, name, wrapped text, and at its end the tick."""
    shown = pad(clip(on_one_line(name), _NAME_COLUMNS_MAX), name_columns)
    head = f"{at:>5}  {shown}  "
    indent = " " * width(head)
    pieces = _pieces(body, max(10, columns - width(head) - 4))
    style = "class:own" if own else "class:other"
    lines: list[Line] = [
        [("class:time", f"{at:>5}  "), (style, shown), ("", f"  {pieces[0]}")],
        *([("", indent + piece)] for piece in pieces[1:]),
    ]
    if tick is not None:
        tick_style, mark = TICKS[tick]
        lines[-1] = [*lines[-1], (tick_style, f" {mark}")]
    return lines


def conversation_lines(
    messages: Sequence[Message],
    unsent: Iterable[Unsent],
    refusals: Iterable[str],
    me: str,
    tick_of: Callable[[int], Tick],
    columns: int,
) -> list[Line]:
    """A whole conversation, with a rule where a new day begins."""
    lines: list[Line] = []
    names = {"you", *(message.sender_id for message in messages if message.sender_id != me)}
    name_columns = min(_NAME_COLUMNS_MAX, max(width(on_one_line(name)) for name in names))
    day = ""
    for message in messages:
        sent_at = local(message.sent_at)
        if (today := sent_at.strftime("%A %-d %B %Y")) != day:
            day = today
            lines.append([("class:rule", f"── {day} ".ljust(max(0, columns - 1), "─"))])
        own = message.sender_id == me
        lines += message_lines(
            sent_at.strftime("%H:%M"),
            "you" if own else message.sender_id,
            own,
            message.body,
            tick_of(message.seq) if own else None,
            columns,
            name_columns,
        )
    for waiting in unsent:
        lines += message_lines("", "you", True, waiting.body, Tick.WAITING, columns, name_columns)
    lines += [[("class:refused", f"       ✗ not sent: {on_one_line(why)}")] for why in refusals]
    return lines


def chat_line(chat: Chat, name: str, is_open: bool, columns: int) -> Line:
    """One entry of the list of conversations."""
    count = f" {chat.unread}" if chat.unread else ""
    room = columns - 3 - len(count)
    shown = pad(clip(on_one_line(name), room), room)
    style = "class:open" if is_open else "class:unread" if chat.unread else "class:quiet"
    mark = "▌" if is_open else " "
    return [("class:mark", mark), (style, f" {shown}"), ("class:count", f"{count} ")]


@lru_cache(maxsize=2_048)
def _pieces(body: str, columns: int) -> tuple[str, ...]:
    """Everything is drawn anew whenever there is news, and most of it is as it was."""
    return wrap(harmless(body), columns)
