"""Receipts: a delivered move goes to the other members, a read move to the reader's devices too; in
notes to oneself both do."""

from collections.abc import Sequence

from events import frames
from events.receipts import DeliveredMarkerMoved, Move, ReadMarkerMoved
from processors.fanout.receivers import Sessions, Shown, of_members


def shown(event: Move, members: Sequence[str], sessions: Sessions) -> Shown:
    """Its frame."""
    to_own = event.kind == "read" or len(members) == 1
    receivers = of_members(sessions, [one for one in members if to_own or one != event.user_id])
    if receivers:
        yield frames.receipt(event), receivers


SHOWN = {DeliveredMarkerMoved: shown, ReadMarkerMoved: shown}
