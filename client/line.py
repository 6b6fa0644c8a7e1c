"""The unaccepted messages of one conversation: a queue from which any may leave.

Messages are sent in their order, also after some were set back; each knows the one before it, which
it names while that is not accepted. Pure.
"""

import heapq
from collections.abc import Iterator

from client.effects import Entry


class Line:
    """The unaccepted messages of one conversation, oldest first."""

    __slots__ = (
        "attempts",
        "conversation_id",
        "first",
        "held",
        "last",
        "log_time",
        "syncing",
        "waiting",
    )

    def __init__(self, conversation_id: str) -> None:
        self.conversation_id = conversation_id
        self.first: Entry | None = None
        self.last: Entry | None = None
        self.waiting: list[tuple[int, Entry]] = []
        self.held = False
        self.syncing = False
        self.attempts = 0
        self.log_time = 0
        """The latest time in the log that a refusal told of."""

    def wait(self, entry: Entry) -> None:
        """Put a message back among those to be sent, at its place."""
        if not entry.waiting:
            entry.waiting = True
            heapq.heappush(self.waiting, (entry.order, entry))

    def append(self, entry: Entry) -> None:
        """Add the newest message."""
        entry.previous = self.last
        if self.last is None:
            self.first = entry
        else:
            self.last.following = entry
        self.last = entry
        entry.waiting = True
        heapq.heappush(self.waiting, (entry.order, entry))

    def remove(self, entry: Entry) -> None:
        """Take a message out; its neighbours close up."""
        if entry.previous is None:
            self.first = entry.following
        else:
            entry.previous.following = entry.following
        if entry.following is None:
            self.last = entry.previous
        else:
            entry.following.previous = entry.previous
        if entry.waiting:
            self.waiting.remove((entry.order, entry))
            heapq.heapify(self.waiting)

    def __iter__(self) -> Iterator[Entry]:
        """Oldest first; whoever is at hand may be taken out."""
        entry = self.first
        while entry is not None:
            following = entry.following
            yield entry
            entry = following

    def next(self) -> Entry:
        """The oldest of those that are to be sent."""
        return heapq.heappop(self.waiting)[1]
