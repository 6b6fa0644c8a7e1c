"""How far everybody is: the inbox, page by page, as far as something here may have moved. Pure.

What moved while this device was away is told by no frame: which messages of its user others have,
and what its user read on another device. The pages of the inbox say it. They are read until none of
the conversations is left of which it matters. A conversation that gets a message meanwhile rises
above the pages that are still to come, so where the inbox ends too early it is read once more from
the top, unless that brings nothing.
"""

from collections.abc import Callable, Iterable

from client import frames
from client.conversations import Conversation
from client.walk import Walk

INBOX_LIMIT = 50

REFRESH = "refresh"
"""The topic of this module's wait."""

_FRUITLESS_MAX = 3
"""Walks in a row that met none of the conversations; what is left is not in the inbox."""


class Refresh(Walk):
    """The walk through the inbox, and the conversations for whose sake it is made."""

    def __init__(self, next_request_id: Callable[[], str]) -> None:
        super().__init__(REFRESH, next_request_id, self._inbox)
        self._limit = INBOX_LIMIT
        self._missing: set[str] = set()
        self._missing_before = 0
        """How many were missing when the walk began at the top."""
        self._fruitless = 0

    def allow(self, inbox_limit: int | None) -> None:
        """How many conversations a page may have."""
        self._limit = min(INBOX_LIMIT, inbox_limit or INBOX_LIMIT)

    def want(self, conversations: Iterable[Conversation]) -> None:
        """Ask how these conversations stand; those that were wanted before are wanted still."""
        before = self._missing if self.unanswered else set()
        self._missing = {one.id for one in conversations} | before
        self._fruitless = 0
        self._from_the_top()

    def shown(self, inbox: frames.Inbox) -> bool:
        """A page came; whether it was for this walk."""
        if not self.answered(inbox.id, inbox.next):
            return False
        self._missing.difference_update(item.conversation_id for item in inbox.conversations)
        if not self._missing:
            self.end()
        elif not self.unanswered:
            found_any = len(self._missing) < self._missing_before
            self._fruitless = 0 if found_any else self._fruitless + 1
            if self._fruitless < _FRUITLESS_MAX:
                self._from_the_top()
        return True

    def _from_the_top(self) -> None:
        self._missing_before = len(self._missing)
        self.begin()

    def _inbox(self, request_id: str, cursor: str | None) -> bytes:
        return frames.inbox(request_id, self._limit, cursor)
