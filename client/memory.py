"""A store in memory, for tests and benchmarks: the same interface, gone with the process.

It holds the newest messages only, up to a bound over all conversations, so a benchmark of hours
does not grow; `forgotten` says how many went unhanded, which is never right in a test.
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice, takewhile

from client.effects import (
    Change,
    ConversationChanged,
    Entry,
    EntryChanged,
    EntryQueued,
    EntryRefused,
    EntrySettled,
    HeadsTold,
    IdentityLearnt,
    MarkersChanged,
    MessageStored,
)
from client.messages import UNREAD_MAX, Message


class MemoryStore:
    """What a device knows, in memory."""

    def __init__(self, messages_max: int = 100_000) -> None:
        self.forgotten = 0
        self.refused: dict[int, EntryRefused] = {}
        self._messages_max = messages_max
        self._messages: dict[str, deque[Message]] = {}
        """By conversation, rising by seq."""
        self._arrived: deque[tuple[int, str]] = deque()
        """The number and the conversation of each message that is held."""
        self._unhanded: deque[tuple[int, Message]] = deque()
        self._arrivals = 0
        self._identity: IdentityLearnt | None = None
        self._heads: HeadsTold | None = None
        self._conversations: dict[str, ConversationChanged] = {}
        self._markers: dict[tuple[str, str], MarkersChanged] = {}
        self._outbox: dict[int, Entry] = {}

    def load(self) -> list[Change]:
        """What the core is restored from."""
        return [
            *([self._identity] if self._identity else []),
            *([self._heads] if self._heads else []),
            *self._conversations.values(),
            *self._markers.values(),
            *(EntryQueued(_unlinked(entry)) for entry in self._outbox.values()),
        ]

    def save(self, changes: Sequence[Change]) -> None:
        """Keep the changes."""
        for change in changes:
            match change:
                case MessageStored(message):
                    self._keep(message)
                case ConversationChanged():
                    self._conversations[change.conversation_id] = change
                case MarkersChanged():
                    self._markers[change.conversation_id, change.user_id] = change
                case EntryQueued(entry) | EntryChanged(entry):
                    self._outbox[entry.order] = entry
                case EntrySettled():
                    self._outbox.pop(change.order, None)
                case EntryRefused():
                    self._outbox.pop(change.order, None)
                    self.refused[change.order] = change
                case IdentityLearnt():
                    self._identity = change
                case HeadsTold():
                    self._heads = change

    def _keep(self, message: Message) -> None:
        self._arrivals += 1
        self._of(message).append(message)
        self._unhanded.append((self._arrivals, message))
        self._arrived.append((self._arrivals, message.conversation_id))
        self._forget()

    def _of(self, message: Message) -> deque[Message]:
        return self._messages.setdefault(message.conversation_id, deque())

    def _forget(self) -> None:
        """Let go of the oldest, when there are too many."""
        if len(self._arrived) > self._messages_max:
            arrival, conversation_id = self._arrived.popleft()
            held = self._messages[conversation_id]
            held.popleft()
            if not held:
                del self._messages[conversation_id]
            if self._unhanded and self._unhanded[0][0] <= arrival:
                self._unhanded.popleft()
                self.forgotten += 1

    def unhanded(self, limit: int) -> list[tuple[int, Message]]:
        """The oldest messages that were not handed over, each with its number of arrival."""
        return [self._unhanded[i] for i in range(min(limit, len(self._unhanded)))]

    def handed(self, arrival: int) -> None:
        """Everything up to this arrival has been handed to the application."""
        while self._unhanded and self._unhanded[0][0] <= arrival:
            self._unhanded.popleft()

    def history(self, conversation_id: str, before: int | None, limit: int) -> list[Message]:
        """The newest messages below a seq, rising."""
        newest = reversed(self._messages.get(conversation_id, ()))
        below = (one for one in newest if before is None or one.seq < before)
        return list(islice(below, limit))[::-1]

    def unread(self, conversation_id: str, after: int, user_id: str) -> int:
        """How many messages of others lie beyond a seq; UNREAD_MAX stands for any larger count."""
        newest = reversed(self._messages.get(conversation_id, ()))
        beyond = takewhile(lambda one: one.seq > after, newest)
        return sum(
            1 for _ in islice((one for one in beyond if one.sender_id != user_id), UNREAD_MAX)
        )

    def close(self) -> None:
        """Nothing to let go of: a test may open it again, as after the death of a process."""


def _unlinked(entry: Entry) -> Entry:
    """The entry as it would come back from a disk."""
    return Entry(
        entry.order,
        entry.id,
        entry.to,
        entry.conversation_id,
        entry.kind,
        entry.body,
        entry.reply_to,
        entry.first_sent_at,
    )
