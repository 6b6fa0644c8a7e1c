"""An entry of the inbox: where a conversation stands for one of its members. Pure.

In: the newest row, if one is written yet, markers, numbers of messages. Out: the entry that its
client is shown. Unread is the number of messages of others above the member's read marker (ADR
0026): a difference of numbers, never a counter. What was read was delivered.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from events.queries import UNREAD_MAX
from events.text import cut
from projections.heads.keys import Marker
from projections.history.rows import TimelineRow

PREVIEW_LENGTH_MAX = 200
"""Code points of a preview; the character that would pass this bound is left out whole."""


def read_seq(conversation_id: str, user_id: str, markers: Mapping[Marker, int]) -> int:
    """How far a member has read: what it said, and nothing that follows from what it wrote."""
    return markers.get((conversation_id, user_id, "read"), 0)


def unread(newest_number: int, number_at_read: int, own_above: int) -> int:
    """The messages above a read marker that others wrote; UNREAD_MAX stands for any larger count.

    `newest_number` and `number_at_read` number the messages at the end and at the marker, whoever
    wrote them; `own_above` are the member's own between the two.
    """
    return min(max(newest_number - number_at_read - own_above, 0), UNREAD_MAX)


def entry(
    conversation_id: str,
    row: TimelineRow | None,
    *,
    head: int,
    read: int,
    unread: int,
    receipts: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """One conversation of an `inbox` frame; without a row it is known by its head alone."""
    return {
        "conversation_id": conversation_id,
        "seq": head if row is None else max(head, row.seq),
        "unread": unread,
        "read": read,
        "newest": None if row is None else _newest(row),
        "receipts": list(receipts),
    }


def _newest(row: TimelineRow) -> dict[str, Any]:
    preview = cut(row.body, PREVIEW_LENGTH_MAX)
    return {
        "seq": row.seq,
        "number": row.message_number,
        "sender_id": row.sender_id,
        "kind": row.kind,
        "preview": preview,
        "preview_cut": len(preview) < len(row.body),
        "sent_at": row.sent_at,
    }


def receipts_of(
    conversation_id: str, members: Iterable[str], markers: Mapping[Marker, int]
) -> list[dict[str, Any]]:
    """How far each member has a conversation."""
    shown = []
    for member in members:
        read = markers.get((conversation_id, member, "read"), 0)
        delivered = max(markers.get((conversation_id, member, "delivered"), 0), read)
        shown.append({"user_id": member, "delivered": delivered, "read": read})
    return shown
