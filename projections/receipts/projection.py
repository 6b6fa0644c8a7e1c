"""Moves of markers to rows. Pure.

In: a move and its position. Out: one row. A marker is the highest seq among its rows, so an old
writer's late move never lowers it (I7).
"""

from typing import Any, NamedTuple

from events.features import MOVE_TYPES
from events.receipts import MarkerKind
from projections.cells import Cell

_MOVES = frozenset(MOVE_TYPES)


class MarkerMoved(NamedTuple):
    """One move of a marker; fields in the order of the table's columns."""

    conversation_id: str
    user_id: str
    kind: MarkerKind
    seq: int
    moved_at: int
    device_id: str
    position: int


def project(event: Any, position: int) -> list[MarkerMoved]:
    """The writes of one record."""
    if type(event) not in _MOVES:
        return []
    return [
        MarkerMoved(
            event.conversation_id,
            event.user_id,
            event.kind,
            event.seq,
            event.moved_at,
            event.device_id,
            position,
        )
    ]


def cells(write: MarkerMoved) -> list[Cell]:
    """The cells of a write."""
    return [Cell(("marker_moves", *write[:4]), write[4:6], write.position)]
