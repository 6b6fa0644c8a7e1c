"""The public API: a device of a user that is online whenever it can be.

    async with Client(["ws://127.0.0.1:8080/v1/ws"], token_source, SqliteStore(path)) as client:
        message = await client.send("bob", "hi")
        await message.accepted()
        async for message in client.messages(): ...

What was sent survives the process and the network; what arrives is handed over once and in order.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from ssl import SSLContext
from typing import Self
from uuid import uuid4

from aiohttp import ClientSession

from client import frames
from client.chats import Chat, Chats
from client.engine import Engine
from client.errors import ClientError
from client.message_ids import minted
from client.messages import Link, Message, Notice, direct_conversation
from client.options import Options, TokenSource
from client.outgoing import Outgoing
from client.state import State
from client.store import Store

_HANDED_BATCH = 100
_PAGE_MAX = 100
_INBOX_MAX = 50


@dataclass(frozen=True, slots=True)
class Unsent:
    """A message in the outbox."""

    id: str
    body: str


class Client:
    """One device. `on_notice` is called with each piece of news, inside the event loop.

    `tls` says who may vouch for gateways at wss addresses; without it, whom the system trusts.
    """

    def __init__(
        self,
        urls: Sequence[str],
        token_source: TokenSource,
        store: Store,
        *,
        on_notice: Callable[[Notice], None] | None = None,
        http: ClientSession | None = None,
        tls: SSLContext | None = None,
        options: Options | None = None,
        random: Random | None = None,
    ) -> None:
        if not urls:
            raise ValueError("a client needs the address of a gateway")
        self._store = store
        options, random = options or Options(), random or Random()
        self._engine = Engine(urls, token_source, store, on_notice, http, tls, options, random)
        self._chats = Chats(self._engine.state, store)
        self._unhanded: deque[tuple[int, Message]] = deque()
        self._last_given = 0

    async def __aenter__(self) -> Self:
        """Begin to connect; returns at once, so that an offline device can write messages."""
        self._engine.start()
        return self

    async def __aexit__(self, error: object, *_: object) -> None:
        """Leave in good order: what was sent is on its way or in the outbox.

        An error that leaves the block leaves the last message unfinished: it is handed over again.
        """
        if error is not None:
            self._last_given = 0
        await self.close()

    async def close(self) -> None:
        """End the connection and let go of the store. The last message counts as finished."""
        try:
            await self._engine.close()
            self._finish()
        finally:
            self._store.close()

    # Sending and reading

    async def send(
        self,
        to: str,
        body: str,
        *,
        kind: str = "text",
        reply_to: int | None = None,
        seen: int | None = None,
    ) -> Outgoing:
        """Send to a user or a conversation; on the disk when this returns, whatever the network.

        To write is not to have read: `seen` is the newest seq that was on the screen meanwhile, and
        counts as read. Raises ClientError `too_large` and `outbox_full`, StoreError, and Stopped.
        """
        self._engine.check_running()
        now = self._engine.now()
        entry, out = self.state.send(minted(now, uuid4().int), to, kind, body, reply_to, now)
        handle = self._engine.handles.made(entry)
        self._engine.apply(out)
        if seen is not None and entry.conversation_id:
            await self.read(entry.conversation_id, seen)
        return handle

    async def read(self, conversation: str, seq: int | None = None) -> None:
        """The user has read everything up to seq (by default, all that is here).

        Nothing else moves the read marker: an application calls this for what was on the screen.
        """
        conversation_id = self.conversation_id(conversation)
        newest = self.state.sync.conversation(conversation_id).cursor
        upto = newest if seq is None else seq
        self._engine.apply(self.state.read(conversation_id, upto, self._engine.now()))

    def messages(self) -> "Client":
        """New messages, each conversation in order, each once, one's own at their place.

        Meant for one reader. To ask for the next message is to have finished the one before, and
        that is stored at once: when the process dies while the application works on a message, that
        one message, and no other, comes again in the next process. (When the machine loses power,
        the last few may.) Ends by raising Stopped.
        """
        return self

    def __aiter__(self) -> Self:
        """See `messages`."""
        return self

    async def __anext__(self) -> Message:
        """The next new message; the one before is finished. Raises Stopped."""
        self._finish()
        while not self._unhanded:
            self._engine.check_running()
            self._unhanded.extend(self._store.unhanded(_HANDED_BATCH))
            if not self._unhanded:
                self._engine.arrived.clear()
                await self._engine.arrived.wait()
        self._last_given, message = self._unhanded.popleft()
        return message

    def _finish(self) -> None:
        """Store that the application is done with the message that it was given last."""
        if self._last_given:
            self._store.handed(self._last_given)
            self._last_given = 0

    # Looking

    @property
    def state(self) -> State:
        """What this device knows; to look at, not to change."""
        return self._engine.state

    @property
    def user_id(self) -> str:
        """Whose device this is; empty until the first welcome of this store."""
        return self.state.user_id

    @property
    def link(self) -> Link:
        """The state of the connection."""
        return self._engine.link

    @property
    def online(self) -> bool:
        """Whether there is an authenticated connection."""
        return self._engine.online

    def conversation_id(self, conversation: str) -> str:
        """The id of a conversation, which may be named by the other user."""
        if ":" in conversation:
            return conversation
        if not self.user_id:
            raise ClientError("unknown_identity", "this device has never been online")
        return direct_conversation(self.user_id, conversation)

    def chats(self) -> list[Chat]:
        """The conversations of this device, newest first; works offline."""
        return self._chats.newest_first()

    def unsent(self, conversation: str) -> list[Unsent]:
        """The messages of this device that are not accepted yet, oldest first."""
        entries = self.state.outbox.unsent(self.conversation_id(conversation))
        return [Unsent(entry.id, entry.body) for entry in entries]

    async def history(
        self, conversation: str, *, before: int | None = None, limit: int = 50
    ) -> list[Message]:
        """The newest messages below a seq, rising: from this device, else from the server."""
        conversation_id = self.conversation_id(conversation)
        cursor = self.state.sync.conversation(conversation_id).cursor
        found: list[Message] = []
        below = before
        while self.online and below is not None and below > cursor + 1 and len(found) < limit:
            # This device is not as far yet.
            page = await self.fetch(
                conversation_id, before=below, limit=min(limit - len(found), _PAGE_MAX)
            )
            found = _messages(page) + found
            below = page.next
            if below is None:
                return found
        is_cut = bool(found) and below is not None and below > cursor + 1
        if len(found) >= limit or is_cut:
            return found
        found = [*self._store.history(conversation_id, below, limit - len(found)), *found]
        known_from = found[0].seq if found else below
        missing = min(limit - len(found), _PAGE_MAX)
        if missing > 0 and known_from is not None and known_from > 1 and self.online:
            page = await self.fetch(conversation_id, before=known_from, limit=missing)
            found = _messages(page) + found
        return found

    async def fetch(
        self,
        conversation: str,
        *,
        after: int | None = None,
        before: int | None = None,
        up_to: int | None = None,
        limit: int = _PAGE_MAX,
    ) -> frames.Page:
        """A page of history as the server has it. Raises Refused, Unanswered, Stopped."""
        request_id = self.state.sync.next_request_id()
        conversation_id = self.conversation_id(conversation)
        frame = frames.fetch(
            request_id, conversation_id, after=after, before=before, up_to=up_to, limit=limit
        )
        answer = await self._engine.ask(request_id, frame)
        assert isinstance(answer, frames.Page)
        return answer

    async def inbox(self, limit: int = 50) -> list[frames.InboxItem]:
        """The newest conversations as the server has them, page by page up to the limit.

        Raises Refused, Unanswered, Stopped.
        """
        found: list[frames.InboxItem] = []
        cursor: str | None = None
        while len(found) < limit:
            size = min(limit - len(found), self.state.limits.get("inbox", _INBOX_MAX))
            page = await self.inbox_page(size, cursor)
            found += page.conversations
            cursor = page.next
            if cursor is None:
                break
        return found

    async def inbox_page(self, limit: int = 50, cursor: str | None = None) -> frames.Inbox:
        """One page of the inbox; its `next` is the cursor of the following one."""
        request_id = self.state.sync.next_request_id()
        answer = await self._engine.ask(request_id, frames.inbox(request_id, limit, cursor))
        assert isinstance(answer, frames.Inbox)
        return answer

    async def until_online(self, timeout_seconds: float | None = None) -> None:
        """Wait for a connection. Raises Stopped, TimeoutError."""
        await self._engine.until(lambda: self.online, timeout_seconds)

    async def until_caught_up(self, timeout_seconds: float | None = None) -> None:
        """Wait until everything that the server told of is here. Raises Stopped, TimeoutError."""
        await self._engine.until(lambda: self.online and self.state.caught_up, timeout_seconds)

    async def until_sent(self, timeout_seconds: float | None = None) -> None:
        """Wait until the outbox is empty. Raises Stopped, TimeoutError."""
        await self._engine.until(lambda: self.state.unsent == 0, timeout_seconds)


def _messages(page: frames.Page) -> list[Message]:
    return [Message.of(event) for event in page.events if event.event == "message"]
