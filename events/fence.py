"""Which records of the fact log count: one writer a partition, fenced by the log itself.

A new owner of a partition first appends WriterClaimed with a number, one more than that of the
newest claim it has read. A claim counts only when its number is greater than that of every claim
before it; then it is the epoch in force, and only decisions that carry it count, until the next
claim. A reader passes the partition in order, so all readers agree: an old owner that is still
alive can append what it likes, and nobody sees it (ADR 0002). Of two owners that claim the same
number the first in the log wins; the other sees that when it reads up to its own claim. Nothing
depends on the offset of a record, so a log that was restored or mirrored reads the same at other
offsets. A reader keeps the epoch beside its committed offset.
"""

from dataclasses import dataclass

from msgspec import Struct

from events.conversations import (
    SubmissionRejected,
    SubmissionRepeated,
    SubmissionsRestarted,
    WriterClaimed,
)
from events.features import FACT_TYPES

_DECISIONS = frozenset({*FACT_TYPES, SubmissionRejected, SubmissionRepeated, SubmissionsRestarted})

NO_EPOCH = -1
"""Before any claim was passed."""


def number_of(claim: WriterClaimed, offset: int) -> int:
    """The number of a claim; older releases wrote none, and meant the offset of the record."""
    return offset if claim.epoch == NO_EPOCH else claim.epoch


@dataclass(slots=True)
class Fence:
    """The epoch in force in one partition, and how many records it kept out."""

    epoch: int = NO_EPOCH
    ignored: int = 0

    def admits(self, event: Struct, offset: int) -> bool:
        """Pass one record, in order; whether it is a decision that counts. A claim is not.

        Raises TypeError for an event that does not belong to the fact log.
        """
        kind = type(event)
        if kind is WriterClaimed:
            self.epoch = max(self.epoch, number_of(event, offset))  # type: ignore[arg-type]
            return False
        if kind not in _DECISIONS:
            raise TypeError(f"{kind.__name__} is no decision")
        if event.epoch != self.epoch:  # type: ignore[attr-defined]
            self.ignored += 1
            return False
        return True
