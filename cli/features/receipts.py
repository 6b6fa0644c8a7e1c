"""Receipts as sentences. Pure."""

from typing import Any

from events.receipts import (
    DeliveredMarkerMoved,
    Marker,
    MarkersSubmitted,
    Move,
    ReadMarkerMoved,
)


def submitted(event: MarkersSubmitted) -> str:
    """A gateway passes on what devices say."""
    return "; ".join(_marker(marker) for marker in event.markers)


def moved(event: Move) -> str:
    """A watermark moves."""
    verb = "has read" if event.kind == "read" else "has"
    return (
        f"{event.user_id} {verb} {event.conversation_id} up to {event.seq} (on {event.device_id})"
    )


def shown(content: dict[str, Any]) -> str:
    """A device is shown that it moved."""
    return (
        f"{content.get('user_id')} has {content.get('kind')} "
        f"{content.get('conversation_id')} up to {content.get('seq')}"
    )


def _marker(marker: Marker) -> str:
    verb = "has read" if marker.kind == "read" else "has"
    return (
        f"{marker.user_id} ({marker.device_id}) says it {verb} "
        f"{marker.conversation_id} up to {marker.seq}"
    )


SENTENCES = {MarkersSubmitted: submitted, DeliveredMarkerMoved: moved, ReadMarkerMoved: moved}
FRAMES = {"receipt": shown}
