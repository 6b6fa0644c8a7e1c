"""Catching up: which conversations are behind, which pages to ask for, when to ask again.

A fetch names the head it must reach; its page is followed by the next until the cursor is there.
A few conversations are fetched at a time, in the order of the heads: newest first. No page is
trusted to be the last, and a page that brings nothing is asked for again after a pause. Pure.
"""

from collections import OrderedDict
from collections.abc import Mapping

from client import frames
from client.conversations import Conversation
from client.effects import Effects, Wait
from client.messages import Problem
from client.pace import Gate

FETCHES_MAX = 8
PAGE_LIMIT = 100
GIVEN_UP_MAX = 64
ANSWER_TIMEOUT_MS = 15_000
ATTEMPTS_BEFORE_COMPLAINT = 4
"""Pages of one conversation that bring nothing, or answers of any that say `unavailable`."""

QUERIES = "queries"
"""The name of the gate of all questions."""

FETCH = "fetch"
"""The topic of this module's waits."""


class Sync:
    """The conversations of this device, and the fetches that fill them."""

    def __init__(self) -> None:
        self.conversations: dict[str, Conversation] = {}
        self.heads_complete = False
        self.queries = Gate(QUERIES)
        self._online = False
        self._fetches_max = FETCHES_MAX
        self._page_limit = PAGE_LIMIT
        self._unanswered = 0
        self._wanted: OrderedDict[str, Conversation] = OrderedDict()
        self._asked: dict[str, tuple[Conversation, int]] = {}
        self._given_up: OrderedDict[str, Conversation] = OrderedDict()
        self._requests = 0

    @property
    def is_fetching(self) -> bool:
        """Whether a page is on its way; most often that is enough to know."""
        return bool(self._asked)

    def conversation(self, conversation_id: str) -> Conversation:
        """The conversation, made when it is new to this device."""
        found = self.conversations.get(conversation_id)
        if found is None:
            found = self.conversations[conversation_id] = Conversation(conversation_id)
        return found

    def next_request_id(self) -> str:
        """A request id that this process has not used."""
        self._requests += 1
        return f"r{self._requests}"

    def connected(self, limits: Mapping[str, int]) -> None:
        """A fresh connection: nothing is asked, the heads are still to come."""
        self.queries.allow(limits, "queries_per_minute", "query_burst")
        waiting_max = limits.get("questions", 4 * FETCHES_MAX)
        self._fetches_max = min(FETCHES_MAX, max(waiting_max // 4, 1))
        self._page_limit = min(PAGE_LIMIT, limits.get("page", PAGE_LIMIT))
        self._unanswered = 0
        self._online = True
        self.heads_complete = False
        self._asked.clear()
        self._given_up.clear()
        self._wanted.clear()
        for conversation in self.conversations.values():
            conversation.request_id = None
            conversation.held = conversation.forced = False
            conversation.attempts = 0

    def disconnected(self) -> None:
        """Nothing can be asked until `connected`."""
        self._online = False

    def check(self, conversation: Conversation) -> None:
        """Fetch the conversation, if it is behind and nobody does already; `pump` follows."""
        if conversation.behind and conversation.request_id is None and not conversation.held:
            self._wanted[conversation.id] = conversation

    def pump(self, now: int, out: Effects) -> None:
        """Ask for what may be asked for."""
        if not self._online:
            return
        while self._wanted and len(self._asked) < self._fetches_max:
            conversation = next(iter(self._wanted.values()))
            if not conversation.behind or conversation.request_id is not None:
                del self._wanted[conversation.id]
                continue
            if not self.queries.passes(now, out):
                return
            del self._wanted[conversation.id]
            request_id = conversation.request_id = self.next_request_id()
            self._asked[request_id] = (conversation, now)
            out.frames.append(
                frames.fetch(
                    request_id,
                    conversation.id,
                    after=conversation.cursor,
                    up_to=max(conversation.head, conversation.cursor) or None,
                    limit=self._page_limit,
                )
            )

    def answered(self, request_id: str) -> Conversation | None:
        """The conversation that a fetch of ours was for."""
        asked = self._asked.pop(request_id, None)
        if asked is None:
            return self._given_up.pop(request_id, None)
        asked[0].request_id = None
        return asked[0]

    def paged(self, conversation: Conversation, progressed: bool, out: Effects) -> None:
        """A page has been placed: go on, be done, or pause because it brought nothing."""
        self._unanswered = 0
        if conversation.head <= conversation.cursor:
            conversation.forced = False
            conversation.attempts = 0
        elif progressed:
            conversation.attempts = 0
            self.check(conversation)
        else:
            self._pause(conversation, 0.0, out)
            self._complain(conversation, out)

    def failed(
        self, conversation: Conversation, error: frames.Error, now: int, out: Effects
    ) -> None:
        """A fetch was not taken: it is asked again. Only what is not passing is a complaint."""
        wait_seconds = error.retry_after_seconds or 0.0
        if error.code == "rate_limited":
            self.queries.pace.refused(now, wait_seconds)
            self.check(conversation)
            return
        self._pause(conversation, wait_seconds, out)
        if error.code == "unavailable":
            self._not_answered(out)
        else:
            self._complain(conversation, out)

    def _pause(self, conversation: Conversation, at_least_seconds: float, out: Effects) -> None:
        """Ask again later."""
        conversation.held = True
        conversation.attempts += 1
        out.waits.append(Wait(FETCH, conversation.id, conversation.attempts, at_least_seconds))

    def _complain(self, conversation: Conversation, out: Effects) -> None:
        """The server answers, and yet this place of the conversation does not come."""
        if conversation.attempts == ATTEMPTS_BEFORE_COMPLAINT:
            missing = conversation.cursor + 1
            out.notices.append(
                Problem("hole", f"{conversation.id} cannot be read at {missing}; still trying")
            )

    def _not_answered(self, out: Effects) -> None:
        """History cannot answer now: said once, whichever conversations it concerns."""
        self._unanswered += 1
        if self._unanswered == ATTEMPTS_BEFORE_COMPLAINT:
            out.notices.append(
                Problem("history_unavailable", "Messages cannot be fetched now; still trying")
            )

    def wake(self, conversation_id: str) -> None:
        """The pause is over."""
        conversation = self.conversation(conversation_id)
        conversation.held = False
        self.check(conversation)

    def overdue(self, now: int, out: Effects) -> None:
        """Give up the fetches that have not been answered for long, and ask again.

        An answer that comes all the same is still taken, or a slow server would never get through.
        """
        late = [
            request_id
            for request_id, (_, asked_at) in self._asked.items()
            if asked_at <= now - ANSWER_TIMEOUT_MS
        ]
        for request_id in late:
            conversation = self.answered(request_id)
            if conversation is not None:
                self._pause(conversation, 0.0, out)
                self._not_answered(out)
                self._given_up[request_id] = conversation
        while len(self._given_up) > GIVEN_UP_MAX:
            self._given_up.popitem(last=False)
