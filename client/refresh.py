"""How far everybody is: one question after the heads are known, asked until it is answered. Pure.

What moved while this device was away is told by no frame. One inbox says it for the conversations
that matter: an answer that is refused or does not come is asked for again after a pause.
"""

from collections.abc import Callable

from client import frames
from client.effects import Effects, Wait
from client.sync import ANSWER_TIMEOUT_MS

INBOX_LIMIT = 50

REFRESH = "refresh"
"""The topic of this module's wait."""


class Refresh:
    """At most one question is under way, or waits for its pause to end."""

    def __init__(self, next_request_id: Callable[[], str]) -> None:
        self._next_request_id = next_request_id
        self._wanted = False
        self._held = False
        self._attempts = 0
        self._asked_at: int | None = None
        self._request_ids: set[str] = set()

    @property
    def unanswered(self) -> bool:
        """Whether an answer is still to come."""
        return self._wanted

    def connected(self) -> None:
        """A fresh connection: nothing is asked on it yet."""
        self._wanted = self._held = False
        self._attempts = 0
        self._forget()

    def want(self) -> None:
        """Ask, also when an older question is under way: its answer may know too little."""
        self._wanted = True
        self._forget()

    def pump(self, now: int, out: Effects) -> None:
        """Ask, if it may be asked."""
        if self._wanted and not self._held and self._asked_at is None:
            request_id = self._next_request_id()
            self._request_ids.add(request_id)
            self._asked_at = now
            out.frames.append(frames.inbox(request_id, INBOX_LIMIT))

    def answered(self, request_id: str) -> bool:
        """An inbox came; whether it is an answer to the question, which a late one is too."""
        if request_id not in self._request_ids:
            return False
        self._wanted = False
        self._attempts = 0
        self._forget()
        return True

    def failed(self, request_id: str, at_least_seconds: float, out: Effects) -> bool:
        """An error came; whether it was for the question, which is then put again."""
        if request_id not in self._request_ids:
            return False
        self._request_ids.discard(request_id)
        self._pause(at_least_seconds, out)
        return True

    def overdue(self, now: int, out: Effects) -> None:
        """Ask again what has not been answered for long."""
        if self._asked_at is not None and self._asked_at <= now - ANSWER_TIMEOUT_MS:
            self._pause(0.0, out)

    def wake(self) -> None:
        """The pause is over."""
        self._held = False

    def _pause(self, at_least_seconds: float, out: Effects) -> None:
        self._asked_at = None
        if not self._held:
            self._held = True
            self._attempts += 1
            out.waits.append(Wait(REFRESH, "", self._attempts, at_least_seconds))

    def _forget(self) -> None:
        self._asked_at = None
        self._request_ids.clear()
