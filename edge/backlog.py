"""How much of what this gateway submitted waits in the log, and whether that is too much.

In: the place of each submission once Kafka has it, and the places up to which fan-out says that
everything is answered. Out: whether another message is to be taken. A log takes in far more than
the workers behind it can work off, so without this a load beyond capacity would make everybody wait
longer and longer. With it what waits is bounded, so the wait is (what waits, divided by what is
answered in a second), the workers stay fully occupied, and who is refused is told when to retry.

Places in the log are watermarks: none can be forgotten for ever, since the next says more. When no
answers come at all, nothing is held back: then something is broken behind the log, which is what
the log is for, and the messages are safe in it. Pure: time is an argument.
"""

from collections import deque

PLACES_MAX = 100_000
"""Places remembered for each partition; beyond it the oldest are forgotten."""

SILENT_SECONDS = 2.0
"""Without an answer for so long, the workers are not slow: they are away."""


class Backlog:
    """The submissions of one gateway that wait for an answer."""

    def __init__(self, unanswered_max: int) -> None:
        self._unanswered_max = unanswered_max
        self._waiting: dict[int, deque[int]] = {}
        self._answered: dict[int, int] = {}
        self._unconfirmed = 0
        self._answered_at = float("-inf")
        self.unanswered = 0
        """How many wait in the log."""

    def submitted(self) -> None:
        """A message is on its way to Kafka."""
        self._unconfirmed += 1

    def failed(self) -> None:
        """Kafka did not take it."""
        self._unconfirmed -= 1

    def confirmed(self, partition: int, offset: int) -> None:
        """Kafka has it, at this place."""
        self._unconfirmed -= 1
        if offset <= self._answered.get(partition, -1):
            return
        waiting = self._waiting.setdefault(partition, deque(maxlen=PLACES_MAX))
        self.unanswered += len(waiting) < PLACES_MAX
        waiting.append(offset)

    def answered(self, partition: int, offset: int, now: float) -> None:
        """Everything up to this place is answered."""
        self._answered_at = now
        if offset <= self._answered.get(partition, -1):
            return
        self._answered[partition] = offset
        waiting = self._waiting.setdefault(partition, deque(maxlen=PLACES_MAX))
        while waiting and waiting[0] <= offset:
            waiting.popleft()
            self.unanswered -= 1

    def is_full(self, now: float) -> bool:
        """Whether no further message is to be taken."""
        return (
            self.unanswered + self._unconfirmed >= self._unanswered_max
            and now - self._answered_at < SILENT_SECONDS
        )
