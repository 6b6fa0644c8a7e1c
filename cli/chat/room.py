"""What a chat shows and understands, whatever the terminal.

It holds the open conversation with its newest messages, follows the client's notices, and carries
out what is typed: text is sent, `/commands` are obeyed. What it loads is bounded; older messages
come from the client's history when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from client.chats import Chat
from client.checks import check_recipient
from client.client import Client
from client.errors import ClientError
from client.messages import (
    Arrived,
    Link,
    LinkChanged,
    Message,
    MessageRefused,
    Notice,
    Problem,
)

PAGE_MESSAGES = 50
LOADED_MESSAGES_MAX = 2_000
REFUSALS_MAX = 20

HELP = (
    "/open NAME  talk to somebody       /more   older messages",
    "/list       your conversations     /quit   leave (Ctrl-C too)",
)


class Leave(Exception):
    """The user wants to go."""


@dataclass(slots=True)
class Room:
    """One person at one terminal."""

    changed: Callable[[], None] = lambda: None
    on_arrival: Callable[[str], None] = lambda conversation_id: None
    link: Link = Link.CONNECTING
    link_detail: str = ""
    said: str = ""
    open_id: str = ""
    messages: list[Message] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    at_the_beginning: bool = False
    watched: bool = True
    """Whether the newest message is on the screen, and so is read when it comes."""
    _client: Client | None = None
    _chats: list[Chat] | None = None

    @property
    def client(self) -> Client:
        """The client behind it."""
        assert self._client is not None
        return self._client

    def enter(self, client: Client) -> None:
        """Show this client."""
        self._client = client

    def hear(self, notice: Notice) -> None:
        """News from the client."""
        self._chats = None
        match notice:
            case LinkChanged():
                self.link, self.link_detail = notice.link, notice.detail
            case Arrived():
                self.on_arrival(notice.conversation_id)
            case MessageRefused():
                self.refusals.append((notice.conversation_id, notice.detail or notice.code))
                del self.refusals[:-REFUSALS_MAX]
                self.said = f"Not sent: {notice.detail or notice.code}"
            case Problem():
                self.said = notice.detail or notice.code
        self.changed()

    def chats(self) -> list[Chat]:
        """The conversations, newest first; counted anew when something happened."""
        if self._chats is None:
            self._chats = self.client.chats()
        return self._chats

    async def take(self, message: Message) -> None:
        """A new message was handed over by the client."""
        if message.conversation_id == self.open_id:
            newest = self.messages[-1].seq if self.messages else 0
            if message.seq > newest:
                self.messages.append(message)
                del self.messages[:-LOADED_MESSAGES_MAX]
            await self.read()
        self.changed()

    async def read(self) -> None:
        """What is on the screen has been read."""
        if self.watched and self.messages:
            await self.client.read(self.open_id, self.messages[-1].seq)
            self._chats = None

    async def open(self, name: str) -> None:
        """Open the conversation with a user, or one by its id. Raises ClientError."""
        check_recipient(name)
        self.open_id = self.client.conversation_id(name)
        self.messages = await self.client.history(self.open_id, limit=PAGE_MESSAGES)
        self.at_the_beginning = not self.messages or self.messages[0].seq == 1
        self.said = ""
        await self.read()
        self.changed()

    async def older(self) -> int:
        """Load older messages of the open conversation; how many came."""
        if self.at_the_beginning or not self.messages:
            self.at_the_beginning = True
            return 0
        room = LOADED_MESSAGES_MAX - len(self.messages)
        if room <= 0:
            self.said = "That is as far back as this window goes."
            return 0
        before = self.messages[0].seq
        found = await self.client.history(self.open_id, before=before, limit=PAGE_MESSAGES)
        self.messages[:0] = found
        self.at_the_beginning = not found or found[0].seq == 1
        self.changed()
        return len(found)

    async def step(self, by: int) -> None:
        """Open the next conversation of the list, or the one before."""
        ids = [chat.conversation_id for chat in self.chats()]
        if ids:
            here = ids.index(self.open_id) if self.open_id in ids else -by
            await self.open(ids[(here + by) % len(ids)])

    async def typed(self, text: str) -> bool:
        """Carry out a line that was typed; whether that was possible. Raises Leave."""
        text = text.strip()
        if not text:
            return True
        done = True
        try:
            if text.startswith("/") and not text.startswith("//"):
                done = await self._obey(*text[1:].split(maxsplit=1))
            elif not self.open_id:
                self.said, done = "Open a conversation first: /open NAME", False
            else:
                seen = self.messages[-1].seq if self.watched and self.messages else None
                await self.client.send(self.open_id, text.removeprefix("/"), seen=seen)
                self.said = ""
        except ClientError as error:
            self.said, done = error.detail, False
        self.changed()
        return done

    async def _obey(self, command: str = "", argument: str = "") -> bool:
        match command:
            case "quit" | "q" | "exit":
                raise Leave
            case "open" | "o" | "to" if argument:
                await self.open(argument.strip().removeprefix("@"))
            case "more" | "m":
                if not await self.older():
                    self.said = self.said or "That is the beginning of the conversation."
            case "list" | "l":
                self.said = "  ".join(titled(chat) for chat in self.chats()) or "Nobody yet."
            case "help" | "h" | "":
                self.said = "\n".join(HELP)
            case _:
                self.said = f"There is no /{command}. Try /help"
                return False
        return True


def title(others: Sequence[str]) -> str:
    """Whom a conversation is with."""
    return ", ".join(others) or "notes to yourself"


def titled(chat: Chat) -> str:
    """A conversation and how much of it is unread."""
    name = title(chat.others)
    return f"{name} ({chat.unread})" if chat.unread else name
