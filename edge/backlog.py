"""How much of what this gateway submitted waits in the log, and whether that is too much.

In: the place of each submission once Kafka has it, and the places up to which fan-out says that
everything is answered. Out: whether another message is to be taken. A log takes in far more than
the workers behind it can work off, so without this a load beyond capacity would make everybody wait
longer and longer. With it what waits is bounded, so the wait is (what waits, divided by what is
answered in a second), the workers stay fully occupied, and who is refused is told when to retry.

Places in the log are watermarks: none can be forgotten for ever, since the next says more. Where
the log lost its end, or is another one, places are given again: the newest word counts, and when
Kafka gives a place that lies before one that it gave already, what waited is not there any more. In
a partition from which no answers come, nothing is held back, and what waits there holds back
nothing elsewhere: then something is broken behind the log, which is what the log is for, and the
messages are safe in it. Pure: time is an argument.
"""

from collections import deque

PLACES_MAX = 100_000
"""Places remembered for each partition; beyond it the oldest are forgotten."""

SILENT_SECONDS = 2.0
"""Without an answer for so long, the workers are not slow: they are away."""


class _Partition:
    __slots__ = ("answered", "answered_at", "unconfirmed", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[int] = deque(maxlen=PLACES_MAX)
        self.unconfirmed = 0
        self.answered = -1
        self.answered_at = float("-inf")


class Backlog:
    """The submissions of one gateway that wait for an answer."""

    def __init__(self, unanswered_max: int, partitions: int) -> None:
        self._unanswered_max = unanswered_max
        self._partitions = tuple(_Partition() for _ in range(partitions))

    @property
    def unanswered(self) -> int:
        """How many wait in the log."""
        return sum([len(partition.waiting) for partition in self._partitions])

    def submitted(self, partition: int) -> None:
        """A message is on its way to Kafka."""
        self._partitions[partition].unconfirmed += 1

    def failed(self, partition: int) -> None:
        """Kafka did not take it."""
        self._partitions[partition].unconfirmed -= 1

    def confirmed(self, partition: int, offset: int) -> None:
        """Kafka has it, at this place."""
        place = self._partitions[partition]
        place.unconfirmed -= 1
        if place.waiting and offset <= place.waiting[-1]:
            place.waiting.clear()
        if offset > place.answered:
            place.waiting.append(offset)

    def answered(self, partition: int, offset: int, now: float) -> None:
        """Everything up to this place is answered."""
        place = self._partitions[partition]
        if offset == place.answered:
            return
        place.answered, place.answered_at = offset, now
        waiting = place.waiting
        while waiting and waiting[0] <= offset:
            waiting.popleft()

    def is_full(self, partition: int, now: float) -> bool:
        """Whether no further message is to be taken for this partition."""
        lately = now - SILENT_SECONDS
        if self._partitions[partition].answered_at <= lately:
            return False
        waiting = 0
        for one in self._partitions:
            if one.answered_at > lately:
                waiting += len(one.waiting) + one.unconfirmed
        return waiting >= self._unanswered_max
