"""Moves of markers to rows. Pure.

In: a move and its position. Out: one row. A marker is the highest seq among its rows, so an old
writer's late move never lowers it (I7).
"""

from typing import Literal, NamedTuple

from msgspec import Struct

from events.receipts import DeliveredMarkerMoved, ReadMarkerMoved
from projections.cells import Cell

Kind = Literal["delivered", "read"]
KINDS: tuple[Kind, ...] = ("delivered", "read")


class MarkerMoved(NamedTuple):
    """One move of a marker; fields in the order of the table's columns."""

    conversation_id: str
    user_id: str
    kind: Kind
    seq: int
    moved_at: int
    device_id: str
    position: int


def project(event: Struct, position: int) -> list[MarkerMoved]:
    """The writes of one record."""
    match event:
        case ReadMarkerMoved():
            kind: Kind = "read"
        case DeliveredMarkerMoved():
            kind = "delivered"
        case _:
            return []
    return [
        MarkerMoved(
            event.conversation_id,
            event.user_id,
            kind,
            event.seq,
            event.moved_at,
            event.device_id,
            position,
        )
    ]


def cells(write: MarkerMoved) -> list[Cell]:
    """The cells of a write."""
    return [Cell(("marker_moves", *write[:4]), write[4:6], write.position)]
