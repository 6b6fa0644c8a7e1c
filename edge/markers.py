"""Delivered and read markers, coalesced: many small frames become a few packed records.

In: markers as devices send them. Out: MarkersSubmitted records by partition of the submissions
topic, each marker the highest seq of its conversation, user, device and kind. Markers are
watermarks, so keeping only the highest loses nothing, and one that could not be published is
simply added again. Pure; bounded: what would pass the bound is not taken.
"""

from collections.abc import Iterable

from events.submissions import Marker, MarkersSubmitted
from events.topics import partition_of

MARKERS_MAX = 1_000
"""In one record."""

PENDING_MAX = 200_000

_Key = tuple[str, str, str, str]


class Markers:
    """The markers that wait to be submitted."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending: dict[_Key, Marker] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, marker: Marker) -> bool:
        """Keep a marker if it is the highest of its kind; False when there is no room."""
        key = (marker.conversation_id, marker.user_id, marker.device_id, marker.kind)
        known = self._pending.get(key)
        if known is None:
            if len(self._pending) >= PENDING_MAX:
                return False
            self._pending[key] = marker
        elif marker.seq > known.seq:
            self._pending[key] = marker
        return True

    def take(self) -> list[tuple[int, MarkersSubmitted]]:
        """All that waits, packed by partition; nothing waits afterwards."""
        by_partition: dict[int, list[Marker]] = {}
        for marker in self._pending.values():
            by_partition.setdefault(partition_of(marker.conversation_id), []).append(marker)
        self._pending = {}
        return [
            (partition, MarkersSubmitted(markers=packed))
            for partition, markers in by_partition.items()
            for packed in _split(markers)
        ]


def _split(markers: list[Marker]) -> Iterable[tuple[Marker, ...]]:
    for start in range(0, len(markers), MARKERS_MAX):
        yield tuple(markers[start : start + MARKERS_MAX])
