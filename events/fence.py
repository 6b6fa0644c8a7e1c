"""Which records of the fact log count: one writer a partition, fenced by the log itself.

A new owner of a partition first appends WriterClaimed; that record's offset is its epoch, and all
it decides carries it. A reader passes the partition in order and ignores what carries an epoch
other than the newest claim it has passed, so an old owner that is still alive can append what it
likes: nobody sees it (ADR 0002). A reader keeps the epoch beside its committed offset.
"""

from dataclasses import dataclass

from msgspec import Struct

from events.conversations import (
    MessageSent,
    SubmissionRejected,
    SubmissionRepeated,
    WriterClaimed,
)

_DECISIONS = frozenset({MessageSent, SubmissionRejected, SubmissionRepeated})

NO_EPOCH = -1
"""Before any claim was passed."""


@dataclass(slots=True)
class Fence:
    """The newest claim passed in one partition, and how many records it kept out."""

    epoch: int = NO_EPOCH
    ignored: int = 0

    def admits(self, event: Struct, offset: int) -> bool:
        """Pass one record, in order; whether it is a decision that counts. A claim is not.

        Raises TypeError for an event that does not belong to the fact log.
        """
        kind = type(event)
        if kind is WriterClaimed:
            self.epoch = max(self.epoch, offset)
            return False
        if kind not in _DECISIONS:
            raise TypeError(f"{kind.__name__} is no decision")
        if event.epoch != self.epoch:  # type: ignore[attr-defined]
            self.ignored += 1
            return False
        return True
