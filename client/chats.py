"""The list of conversations as an application shows it, at the cost of what has changed.

The newest message and the number of unread ones are asked of the store once, and again when the
conversation has moved: messages came or were read, or the inbox said something.
"""

from dataclasses import dataclass
from typing import NamedTuple

from client.conversations import Conversation
from client.frames import InboxItem
from client.messages import Message, others_in
from client.state import State
from client.store import Store


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation as a list of conversations shows it.

    `newest` is its newest message, or a preview without an id while that is on its way. UNREAD_MAX
    stands for any larger number of unread messages.
    """

    conversation_id: str
    others: tuple[str, ...]
    seq: int
    unread: int
    newest: Message | None


class _Version(NamedTuple):
    """All that a chat depends on: while this is the same, so is the chat."""

    user_id: str
    cursor: int
    read: int
    listed: InboxItem | None


class Chats:
    """The chats of one device."""

    def __init__(self, state: State, store: Store) -> None:
        self._state = state
        self._store = store
        self._cache: dict[str, tuple[_Version, Chat]] = {}
        """The last chat of each conversation, with the version from which it was made."""

    def newest_first(self) -> list[Chat]:
        """Every conversation of the device."""
        found = [self._chat(conversation) for conversation in self._state.conversations.values()]
        return sorted(found, key=lambda chat: -(chat.newest.sent_at if chat.newest else 0))

    def _chat(self, one: Conversation) -> Chat:
        version = _Version(self._state.user_id, one.cursor, one.read, one.listed)
        cached = self._cache.get(one.id)
        if cached is not None and cached[0] == version:
            return cached[1]
        chat = self._made(one)
        self._cache[one.id] = version, chat
        return chat

    def _made(self, conversation: Conversation) -> Chat:
        """A conversation by what is here, or by the inbox when that is ahead of it."""
        me = self._state.user_id
        others = others_in(conversation.id, me)
        newest = next(iter(self._store.history(conversation.id, None, 1)), None)
        listed = conversation.preview
        if listed is not None and (newest is None or listed.seq > newest.seq):
            unread = conversation.listed_unread
            return Chat(conversation.id, others, conversation.cursor, unread, listed)
        unread = self._store.unread(conversation.id, conversation.read, me)
        return Chat(conversation.id, others, conversation.cursor, unread, newest)
