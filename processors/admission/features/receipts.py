"""Receipts: which watermarks move, and how far. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from events.members import Members
from events.receipts import (
    DeliveredMarkerMoved,
    Marker,
    MarkersSubmitted,
    Move,
    ReadMarkerMoved,
)
from processors.admission.conversation import ConversationState
from processors.admission.place import Place

_MOVED: dict[str, type[DeliveredMarkerMoved | ReadMarkerMoved]] = {
    moved.kind: moved for moved in (DeliveredMarkerMoved, ReadMarkerMoved)
}


def move(
    conversation: ConversationState, members: Sequence[str], marker: Marker, place: Place
) -> Move | None:
    """The move that a marker makes: clipped to the newest fact, never back, members only."""
    if marker.user_id not in members:
        return None
    seq = min(marker.seq, conversation.seq)
    if seq <= conversation.marker(marker.user_id, marker.kind):
        return None
    return _MOVED[marker.kind](
        conversation_id=marker.conversation_id,
        user_id=marker.user_id,
        device_id=marker.device_id,
        seq=seq,
        moved_at=place.at,
        epoch=place.epoch,
    )


def moves(
    conversations: Mapping[str, ConversationState],
    members: Members,
    submitted: MarkersSubmitted,
    place: Place,
) -> Iterator[Move]:
    """The moves that these markers make. What was read was delivered, so a read that comes first
    spares the other move."""
    for marker in sorted(submitted.markers, key=lambda marker: marker.kind != "read"):
        conversation = conversations.get(marker.conversation_id)
        if conversation is None:
            continue
        moved = move(conversation, members(marker.conversation_id), marker, place)
        if moved is not None:
            yield moved


def evolve(conversation: ConversationState, moved: Move) -> None:
    """Fold a move. Folding it again changes nothing."""
    key = (moved.user_id, moved.kind)
    if moved.seq > conversation.markers.get(key, 0):
        conversation.markers[key] = moved.seq


def conversations_of(submitted: MarkersSubmitted) -> list[str]:
    """The conversations that it is about."""
    return [marker.conversation_id for marker in submitted.markers]


MOVE = {MarkersSubmitted: moves}
EVOLVE = {DeliveredMarkerMoved: evolve, ReadMarkerMoved: evolve}
CONVERSATIONS_OF = {MarkersSubmitted: conversations_of}
