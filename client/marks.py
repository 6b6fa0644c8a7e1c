"""This user's watermarks on their way to the server: packed, paced, and told until it has them.

A watermark says everything that an older one said, so a conversation waits here by its name, and
what it says is read when it is sent: the first at once, the next ones a few times a second, many in
one frame. The server answers a frame with `marked` once its log holds the watermarks; until then
they are unsettled, which is stored, and told again on the next connection. Pure.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from client import frames, watermarks
from client.conversations import Conversation
from client.effects import Effects, Wait
from client.pace import Gate

FRAMES_PER_MINUTE = 600
FRAMES_BURST = 5
MARKS_IN_A_FRAME = 100
FRAMES_UNDER_WAY_MAX = 8
ANSWER_TIMEOUT_MS = 15_000
GIVEN_UP_MAX = 64

MARKS = "marks"
"""The topic of this module's wait, and the name of its gates."""


class _Told(NamedTuple):
    """A conversation, and how far it was delivered and read when this was told."""

    conversation: Conversation
    delivered: int
    read: int

    @property
    def marks(self) -> tuple[int, int]:
        """The watermarks to tell, 0 for none: what the server has is left out, and what was read
        was delivered."""
        known_delivered, known_read = self.conversation.confirmed
        delivered = self.delivered if self.delivered > max(self.read, known_delivered) else 0
        return delivered, self.read if self.read > known_read else 0


class Marks:
    """The conversations whose watermarks are to be told, and the frames that are unanswered."""

    def __init__(self, next_request_id: Callable[[], str]) -> None:
        self.watermarks = Gate(MARKS)
        self._next_request_id = next_request_id
        self._frames = Gate(MARKS)
        self._in_a_frame = MARKS_IN_A_FRAME
        self._waiting: OrderedDict[str, Conversation] = OrderedDict()
        self._under_way: OrderedDict[str, tuple[int, list[_Told]]] = OrderedDict()
        self._given_up: OrderedDict[str, list[_Told]] = OrderedDict()
        self._held = False
        self._attempts = 0

    @property
    def unanswered(self) -> bool:
        """Whether the server is not known to have everything."""
        return bool(self._waiting or self._under_way)

    def connected(self, limits: Mapping[str, int], known: Iterable[Conversation]) -> None:
        """A fresh connection: tell again what is unsettled."""
        self.watermarks.allow(limits, "marks_per_minute", "mark_burst")
        self._frames.allow({"rate": FRAMES_PER_MINUTE, "burst": FRAMES_BURST}, "rate", "burst")
        at_once = limits.get("mark_burst", MARKS_IN_A_FRAME) * 9 // 10
        in_a_frame = min(MARKS_IN_A_FRAME, limits.get("marks", MARKS_IN_A_FRAME), at_once)
        self._in_a_frame = max(in_a_frame, 1)
        self._held = False
        self._attempts = 0
        self._under_way.clear()
        self._given_up.clear()
        self._waiting = OrderedDict((one.id, one) for one in known if one.unsettled)

    def put(self, conversation: Conversation) -> None:
        """A watermark of this conversation rose; `pump` follows."""
        self._waiting[conversation.id] = conversation

    def pump(self, now: int, out: Effects, *, last: bool = False) -> None:
        """Tell what may be told; at the `last` moment without a pause between frames."""
        while self._waiting and not self._held and len(self._under_way) < FRAMES_UNDER_WAY_MAX:
            if not last and not self._frames.passes(now, out):
                return
            told = self._next_frame()
            if not told or not self.watermarks.passes(now, out, _size(told)):
                self._waiting.update((one.conversation.id, one.conversation) for one in told)
                return
            request_id = self._next_request_id()
            self._under_way[request_id] = (now, told)
            out.frames.append(_frame(request_id, told))

    def answered(self, request_id: str, out: Effects) -> None:
        """The log holds what this frame told; settled, unless more was said meanwhile.

        A late answer counts too, or a slow server would never get through.
        """
        told = self._given_up.pop(request_id, [])
        if request_id in self._under_way:
            _, told = self._under_way.pop(request_id)
        self._attempts = 0 if told else self._attempts
        for conversation, delivered, read in told:
            conversation.confirm(delivered, read)
            if conversation.unsettled and conversation.is_confirmed:
                conversation.unsettled = False
                out.changes.append(watermarks.saved(conversation))

    def failed(self, error: frames.Error, now: int, out: Effects) -> bool:
        """An error came; whether it was for a frame of ours, which is told again."""
        if error.id is None or error.id not in self._under_way:
            return False
        self._again(error.id)
        wait_seconds = error.retry_after_seconds or 0.0
        if error.code == "rate_limited":
            self.watermarks.pace.refused(now, wait_seconds)
        else:
            self._pause(wait_seconds, out)
        return True

    def overdue(self, now: int, out: Effects) -> None:
        """Tell again what has not been answered for long."""
        late = [one for one, (at, _) in self._under_way.items() if at <= now - ANSWER_TIMEOUT_MS]
        for request_id in late:
            self._given_up[request_id] = self._again(request_id)
        while len(self._given_up) > GIVEN_UP_MAX:
            self._given_up.popitem(last=False)
        if late:
            self._pause(0.0, out)

    def wake(self) -> None:
        """The pause is over."""
        self._held = False

    def open(self) -> None:
        """The next may be sent."""
        self._frames.open()
        self.watermarks.open()

    def _next_frame(self) -> list[_Told]:
        """The oldest that wait, as many as a frame takes; those that say nothing are let go."""
        told: list[_Told] = []
        while self._waiting and _size(told) < self._in_a_frame:
            conversation_id, conversation = next(iter(self._waiting.items()))
            one = _Told(conversation, conversation.delivered, conversation.read)
            if told and _size([*told, one]) > self._in_a_frame:
                break
            del self._waiting[conversation_id]
            if one.marks != (0, 0):
                told.append(one)
        return told

    def _again(self, request_id: str) -> list[_Told]:
        _, told = self._under_way.pop(request_id)
        self._waiting.update((one.conversation.id, one.conversation) for one in told)
        return told

    def _pause(self, at_least_seconds: float, out: Effects) -> None:
        if not self._held:
            self._held = True
            self._attempts += 1
            out.waits.append(Wait(MARKS, "", self._attempts, at_least_seconds))


def _size(told: Iterable[_Told]) -> int:
    return sum((seq > 0) for one in told for seq in one.marks)


def _frame(request_id: str, told: Sequence[_Told]) -> bytes:
    delivered = [(one.conversation.id, one.marks[0]) for one in told if one.marks[0]]
    read = [(one.conversation.id, one.marks[1]) for one in told if one.marks[1]]
    return frames.marks(request_id, delivered, read)
