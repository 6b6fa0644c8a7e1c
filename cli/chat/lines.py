"""A room as lines of styled text. Pure: in go messages and a width, out come lines.

A line is a list of (style class, text); a long message is wrapped with its text aligned. What
people wrote is freed of control characters first, so that a message cannot draw on the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prompt_toolkit.utils import get_cwidth

from cli.clock import local
from client.client import Chat, Unsent
from client.messages import Message, Tick

Line = list[tuple[str, str]]

TICKS = {
    Tick.WAITING: ("class:waiting", "…"),
    Tick.SENT: ("class:sent", "✓"),
    Tick.DELIVERED: ("class:delivered", "✓✓"),
    Tick.READ: ("class:read", "✓✓"),
}

_NAME_COLUMNS_MAX = 12


def harmless(text: str) -> str:
    """Text without control characters; its own line breaks stay."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def wrap(text: str, columns: int) -> list[str]:
    """Text in pieces of at most so many columns, broken at spaces where that is possible."""
    pieces: list[str] = []
    for paragraph in text.split("\n"):
        rest = paragraph
        while get_cwidth(rest) > columns:
            cut = _fitting(rest, columns)
            space = rest.rfind(" ", 0, cut + 1)
            at = space if space > 0 else cut
            pieces.append(rest[:at])
            rest = rest[at:].lstrip(" ")
        pieces.append(rest)
    return pieces


def _fitting(text: str, columns: int) -> int:
    """How many characters fit; at least one, so that wrapping always ends."""
    used = 0
    for index, character in enumerate(text):
        used += get_cwidth(character)
        if used > columns:
            return max(1, index)
    return len(text)


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
    shown = _cut(name, _NAME_COLUMNS_MAX)
    shown += " " * (name_columns - get_cwidth(shown))
    head = f"{at:>5}  {shown}  "
    indent = " " * get_cwidth(head)
    pieces = wrap(harmless(body), max(10, columns - get_cwidth(head) - 4))
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
    name_columns = min(_NAME_COLUMNS_MAX, max(get_cwidth(name) for name in names))
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
    lines += [[("class:refused", f"       ✗ not sent: {harmless(why)}")] for why in refusals]
    return lines


def chat_line(chat: Chat, name: str, is_open: bool, columns: int) -> Line:
    """One entry of the list of conversations."""
    count = f" {chat.unread}" if chat.unread else ""
    shown = _cut(name, columns - 3 - len(count))
    padding = " " * max(0, columns - 2 - get_cwidth(shown) - len(count) - 1)
    style = "class:open" if is_open else "class:unread" if chat.unread else "class:quiet"
    mark = "▌" if is_open else " "
    return [("class:mark", mark), (style, f" {shown}{padding}"), ("class:count", f"{count} ")]


def _cut(text: str, columns: int) -> str:
    if get_cwidth(text) <= columns:
        return text
    return text[: max(1, _fitting(text, max(1, columns - 1)))] + "…"
