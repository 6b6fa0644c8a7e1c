"""A question whose answer comes in pages: asked until the last one has come. Pure.

An answer says where the following page begins. One that is refused or does not come is asked for
again after a pause, and a walk that begins anew leaves the old one behind.
"""

from collections.abc import Callable

from client.effects import Effects, Wait
from client.pace import Gate

ANSWER_TIMEOUT_MS = 15_000


class Walk:
    """At most one question is under way, or waits for its pause to end."""

    def __init__(
        self,
        topic: str,
        next_request_id: Callable[[], str],
        ask: Callable[[str, str | None], bytes],
    ) -> None:
        """`ask` makes the frame of a question from its id and the cursor to begin from."""
        self._topic = topic
        self._next_request_id = next_request_id
        self._ask = ask
        self._wanted = False
        self._held = False
        self._attempts = 0
        self._cursor: str | None = None
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

    def begin(self, cursor: str | None = None) -> None:
        """Ask from here on, also when an older question is under way: it may know too little."""
        self._wanted = True
        self._cursor = cursor
        self._forget()

    def pump(self, now: int, gate: Gate, out: Effects) -> None:
        """Ask, if it may be asked."""
        if self._wanted and not self._held and self._asked_at is None and gate.passes(now, out):
            request_id = self._next_request_id()
            self._request_ids.add(request_id)
            self._asked_at = now
            out.frames.append(self._ask(request_id, self._cursor))

    def answered(self, request_id: str, following: str | None) -> bool:
        """A page came; whether it answers the question, which a late one does too. The walk goes on
        where the following page begins, and ends where there is none."""
        if request_id not in self._request_ids:
            return False
        self._attempts = 0
        if following is None or following == self._cursor:
            self._wanted = False
        self._cursor = following
        self._forget()
        return True

    def end(self) -> None:
        """What follows is not needed."""
        self._wanted = False

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
            out.waits.append(Wait(self._topic, "", self._attempts, at_least_seconds))

    def _forget(self) -> None:
        self._asked_at = None
        self._request_ids.clear()
