"""The chat: its lines, its room on a real socket, and a window that is typed into."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from cli.chat.lines import chat_line, conversation_lines, message_lines
from cli.chat.plain import Plain
from cli.chat.room import Leave, Room
from cli.chat.screen import Screen
from cli.columns import width
from client.chats import Chat
from client.client import Unsent
from client.messages import Link, MarkerMoved, Message, Notice, Tick
from tests.client.devices import device
from tests.client.server import FakeServer, running, soon
from tests.events.test_text import FAMILY


def text_of(line: list[tuple[str, str]]) -> str:
    return "".join(text for _, text in line)


def message(seq: int, sender: str, body: str) -> Message:
    return Message("d:ann:bob", seq, "", sender, "", "text", body, None, 1_763_726_400_000)


def test_a_message_cannot_draw_on_the_screen() -> None:
    lines = message_lines("12:00", "eve", False, "\x1b[2J\x07\x9b31m", None, 40)
    assert all(text_of(line).isprintable() for line in lines)


def test_a_message_is_shown_as_it_was_written() -> None:
    for body in ("Ça va\xa0?", "می\u200cخواهم", FAMILY, "🇩🇪", "\U0001fae9", "Donau\xaddampf"):
        (line,) = message_lines("12:00", "eve", False, body, None, 40)
        assert text_of(line).endswith(f"  {body}")


def test_ticks_stand_at_the_end_of_ones_own_messages_only() -> None:
    ticks = {1: Tick.READ, 3: Tick.DELIVERED, 4: Tick.SENT}
    messages = [message(1, "ann", "one"), message(2, "bob", "two"), message(3, "ann", "three")]
    messages.append(message(4, "ann", "four"))
    lines = conversation_lines(
        messages, [Unsent("", "five")], ["why"], "ann", ticks.__getitem__, 60
    )
    ends = [line[-1] for line in lines[1:]]
    assert [style for style, _ in ends[:1]] == ["class:read"]
    assert ends[0][1] == " ✓✓"
    assert ends[1] == ("", "  two")
    assert ends[2] == ("class:delivered", " ✓✓")
    assert ends[3] == ("class:sent", " ✓")
    assert ends[4] == ("class:waiting", " …")
    assert "not sent: why" in text_of(lines[-1])


def test_the_list_shows_what_is_unread_and_fits() -> None:
    chat = Chat("d:ann:bob", ("bob",), 5, 12, None)
    for name in ("bob", "a-very-long-name-that-does-not-fit-in", "🇩🇪" * 20):
        line = chat_line(chat, name, False, 22)
        assert width(text_of(line)) == 22
        assert text_of(line).endswith(" 12 ")


@asynccontextmanager
async def in_a_room(server: FakeServer, user: str) -> AsyncIterator[Room]:
    room = Room()
    async with device(server, user, name="laptop", on_notice=room.hear) as client:
        room.enter(client)
        await client.until_online(60)
        yield room


async def test_a_room_sends_opens_steps_and_says_what_it_does_not_understand() -> None:
    async with running() as server, in_a_room(server, "ann") as room:
        await room.typed("to nobody")
        assert "/open" in room.said
        await room.typed("/open bob")
        await room.typed("hello")
        await room.typed("//slash")
        await room.typed("/open carol")
        await room.typed("hi")
        await room.client.until_sent(5)
        assert [e["body"] for e in server.model.log["d:ann:bob"]] == ["hello", "/slash"]
        await room.typed("/list")
        assert "carol" in room.said
        await room.step(1)
        assert room.open_id in ("d:ann:bob", "d:ann:carol")
        await room.typed("/dance")
        assert "/dance" in room.said
        before = room.open_id
        assert not await room.typed("/open NOT A NAME")
        assert "names no user" in room.said
        assert room.open_id == before
        for line in ("/quit", "/q"):
            try:
                await room.typed(line)
            except Leave:
                continue
            raise AssertionError("it stayed")


async def test_a_window_shows_what_comes_reads_it_and_sends_what_is_typed() -> None:
    async with (
        running() as server,
        in_a_room(server, "ann") as ann,
        in_a_room(server, "bob") as bob,
    ):
        await bob.open("ann")
        with create_pipe_input() as keys:
            screen = Screen(ann, "ann · laptop", source=keys, sink=_Paper())
            showing = asyncio.create_task(screen.run())
            sent = await bob.client.send("ann", "are you there?")
            await sent.read(60)
            keys.send_text("yes\r")
            await soon(lambda: len(server.model.log["d:ann:bob"]) == 2)
            await soon(lambda: len(ann.messages) == 2)
            shown = [text_of(list(line)) for line in _lines(screen)]
            assert any("bob  are you there?" in line for line in shown)
            assert any("you  yes ✓" in line for line in shown)
            assert ann.link is Link.ONLINE
            keys.send_text("/quit\r")
            assert await asyncio.wait_for(showing, 60) == ""


async def test_a_family_takes_two_columns_of_the_window_and_tears_no_line() -> None:
    async with running() as server, in_a_room(server, "ann") as ann:
        await ann.open("bob")
        for body in (f"{FAMILY}🇩🇪👍🏽❤️ x", "\u2066abc\u2069 y"):
            await ann.client.send("bob", body)
        await ann.client.until_sent(5)
        await ann.open("bob")
        async with window(ann) as (screen, _):
            await soon(lambda: any("x ✓" in row for row in _drawn(screen)))
            rows = _drawn(screen)
            assert any(row.endswith(f"you  {FAMILY}🇩🇪👍🏽❤️ x ✓") for row in rows)
            assert any(row.endswith("you  \u2066abc\u2069 y ✓") for row in rows)


async def test_a_window_loads_older_messages_when_it_is_scrolled_up() -> None:
    async with running() as server, in_a_room(server, "ann") as ann:
        await ann.open("bob")
        for n in range(1, 181):
            await ann.client.send("bob", f"message {n}")
        await ann.client.until_sent(10)
        await ann.open("bob")
        async with window(ann) as (screen, keys):
            for _ in range(40):
                keys.send_text("\x1b[5~")
                await asyncio.sleep(0.02)
            await soon(lambda: ann.at_the_beginning)
            shown = [text_of(list(line)) for line in _lines(screen)]
            assert any(line.endswith("message 1 ✓") for line in shown)
            assert not ann.watched
            keys.send_text("\x1b[F")
            await soon(lambda: any("message 180" in text_of(list(x)) for x in _lines(screen)))


async def test_what_is_seen_is_read_also_after_scrolling_where_all_fits() -> None:
    async with running() as server, in_a_room(server, "ann") as ann:
        await ann.open("bob")
        await (await ann.client.send("bob", "hi")).accepted(60)
        async with window(ann) as (screen, _):
            await soon(lambda: any("hi ✓" in text_of(list(line)) for line in _lines(screen)))
            screen._view.scroll(5)
            _lines(screen)
            assert ann.watched


async def test_a_typed_wish_for_more_goes_further_up_each_time() -> None:
    async with running() as server, in_a_room(server, "ann") as ann:
        await ann.open("bob")
        for n in range(1, 121):
            await ann.client.send("bob", f"message {n}")
        await ann.client.until_sent(10)
        async with window(ann) as (screen, keys):
            await soon(lambda: any("120 ✓" in text_of(list(line)) for line in _lines(screen)))
            keys.send_text("/more\r")
            await soon(lambda: screen._view.back > 0)
            once = screen._view.back
            keys.send_text("/more\r")
            await soon(lambda: screen._view.back > once)
            assert not ann.watched


async def test_a_window_closes_with_the_reason_when_the_server_sends_it_away() -> None:
    async with running() as server, in_a_room(server, "ann") as ann:
        with create_pipe_input() as keys:
            screen = Screen(ann, "ann", source=keys, sink=_Paper())
            showing = asyncio.create_task(screen.run())
            await server.sockets["ann", "laptop"].close(code=4509)
            assert "4509" in await asyncio.wait_for(showing, 60)


async def test_plain_lines_tell_messages_and_ticks() -> None:
    said: list[str] = []
    async with running() as server, in_a_room(server, "bob") as bob:
        room = Room()
        plain = Plain(room, said.append)

        def hear(notice: Notice) -> None:
            room.hear(notice)
            plain.hear(notice)

        async with device(server, "ann", name="laptop", on_notice=hear) as client:
            room.enter(client)
            reading = asyncio.create_task(plain._read())
            await client.until_online(60)
            await room.open("bob")
            await plain._obey("hi\n")
            await soon(lambda: "* ✓✓ delivered by bob" in said)
            mine = client.state.conversations["d:ann:bob"].mine
            ticks = len([line for line in said if "✓✓" in line])
            plain._tell_tick(MarkerMoved("d:ann:bob", "bob", mine - 1, 0))
            assert len([line for line in said if "✓✓" in line]) == ticks, "of an older message"
            await (await bob.client.send("ann", "two\nlines")).accepted(60)
            await bob.client.read("ann")
            await soon(lambda: "* ✓✓ read by bob" in said)
            await soon(lambda: any(line.endswith("two\n       lines") for line in said))
            await plain._obey("/help\n")
            assert any("/open" in line for line in said)
            reading.cancel()


async def piped(*given: bytes) -> tuple[int, list[str], list[str]]:
    """How many lines a chat in a pipe refused, what it said, and what came into the log."""
    said: list[str] = []
    async with running() as server:
        room = Room()
        plain = Plain(room, said.append, io.BytesIO(b"".join(given)))

        def hear(notice: Notice) -> None:
            room.hear(notice)
            plain.hear(notice)

        async with device(server, "ann", name="laptop", on_notice=hear) as client:
            room.enter(client)
            await client.until_online(60)
            await room.open("bob")
            assert await asyncio.wait_for(plain.run(), 60) == ""
        return plain.refused, said, [event["body"] for event in server.model.log["d:ann:bob"]]


async def test_what_is_sent_from_a_pipe_ends_well() -> None:
    refused, _, sent = await piped(b"one\n", "zwei Häuser\n".encode(), b"the end")
    assert (refused, sent) == (0, ["one", "zwei Häuser", "the end"])


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (b"\xff\xfe\n", "* not sent: line 2 is not utf-8: invalid start byte"),
        (b"/dance\n", "* There is no /dance. Try /help"),
        (b"/open NOBODY AT ALL\n", "names no user"),
        (b"x" * 100_000 + b"\n", "* a message may have 65536 bytes"),
    ],
)
async def test_a_refused_line_is_told_and_the_others_are_sent(refused: bytes, said: str) -> None:
    count, told, sent = await piped(b"one\n", refused, b"two\n")
    assert count == 1
    assert any(said in line for line in told), told
    assert sent == ["one", "two"]


async def test_an_input_that_cannot_be_read_ends_the_chat(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    with _Unreadable(folder) as source:
        async with running() as server, in_a_room(server, "ann") as room:
            said: list[str] = []
            await room.open("bob")
            plain = Plain(room, said.append, source)
            assert await asyncio.wait_for(plain.run(), 60) == ""
    assert plain.refused == 1
    assert said[-1] == "* not sent: the input cannot be read: Is a directory"


class _Unreadable(io.RawIOBase):
    """What the standard input is after `< folder`; Python opens none itself."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        return os.readv(self._descriptor, [buffer])


class _Paper(DummyOutput):
    """A terminal of 80 by 24 on which nothing is drawn."""

    def get_size(self) -> Size:
        return Size(rows=24, columns=80)


@asynccontextmanager
async def window(room: Room) -> AsyncIterator[tuple[Screen, PipeInput]]:
    """A window on a room, and its keyboard; it ends when its user leaves."""
    with create_pipe_input() as keys:
        screen = Screen(room, "ann", source=keys, sink=_Paper())
        showing = asyncio.create_task(screen.run())
        yield screen, keys
        keys.send_text("\x03")
        await asyncio.wait_for(showing, 60)


def _lines(screen: Screen) -> list[list[tuple[str, str]]]:
    content = screen._view.create_content(57, 20)
    return [[(part[0], part[1]) for part in content.get_line(n)] for n in range(20)]


def _drawn(screen: Screen) -> list[str]:
    """The rows that were drawn last: every cell where prompt_toolkit believes it to be."""
    drawn = screen.app.renderer.last_rendered_screen
    rows: list[str] = []
    if drawn is None:
        return rows
    for y in range(24):
        row, x = "", 0
        while x < 80:
            cell = drawn.data_buffer[y][x]
            row += cell.char
            x += max(1, cell.width)
        rows.append(row.rstrip())
        assert width(row) == 80, row
    return rows
