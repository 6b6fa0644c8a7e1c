"""Where a decision is made, and why one is refused: what rules take and give."""

from typing import NamedTuple

from msgspec import Struct

from events.frames import RejectionCode


class Place(Struct, frozen=True, gc=False):
    """Where a decision is made: the writer's epoch, the submission's offset, the log's time."""

    epoch: int
    submission_offset: int
    at: int


class Refusal(NamedTuple):
    """Why a submission does not become a fact, as its sender is told."""

    code: RejectionCode
    detail: str
