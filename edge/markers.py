"""Delivered and read markers, coalesced: many small frames become a few packed records.

In: markers as devices send them. Out: MarkersSubmitted records by partition of the submissions
topic, each marker the highest seq of its conversation, user, device and kind. Markers are
watermarks, so keeping only the highest loses nothing, and one that could not be published is
simply added again. One that Kafka has is not submitted again for a minute or so, however often it
is repeated; later it is, since Kafka may have lost it. Pure; bounded: what would pass the bound is
not taken.
"""

from collections.abc import Iterable

from events.receipts import Marker, MarkersSubmitted
from events.topics import partition_of

MARKERS_MAX = 1_000
"""In one record."""

PENDING_MAX = 200_000

TOLD_MAX = 50_000
"""Markers that Kafka has, remembered in each of two generations."""

_GENERATION_SECONDS = 60.0

TOLD_SECONDS = 2 * _GENERATION_SECONDS
"""For so long at most a marker that Kafka has is remembered."""

_Key = tuple[str, str, str, str]


class Markers:
    """The markers that wait to be submitted."""

    __slots__ = ("_began_at", "_pending", "_told", "_told_before")

    def __init__(self) -> None:
        self._pending: dict[_Key, Marker] = {}
        self._told: dict[_Key, int] = {}
        self._told_before: dict[_Key, int] = {}
        self._began_at = 0.0

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, marker: Marker, now: float) -> bool:
        """Keep a marker if it is the highest of its kind; False when there is no room."""
        self._grow_older(now)
        key = _key(marker)
        if marker.seq in (self._told.get(key), self._told_before.get(key)):
            return True
        known = self._pending.get(key)
        if known is None:
            if len(self._pending) >= PENDING_MAX:
                return False
            self._pending[key] = marker
        elif marker.seq > known.seq:
            self._pending[key] = marker
        return True

    def told(self, markers: Iterable[Marker], now: float) -> None:
        """Kafka has these."""
        self._grow_older(now)
        if len(self._told) >= TOLD_MAX:
            self._begin(now, before=self._told)
        for marker in markers:
            self._told[_key(marker)] = marker.seq

    def _grow_older(self, now: float) -> None:
        """Let go of what is older than two generations, also where nothing new was told since."""
        if now >= self._began_at + TOLD_SECONDS:
            self._begin(now, before={})
        elif now >= self._began_at + _GENERATION_SECONDS:
            self._begin(now, before=self._told)

    def _begin(self, now: float, before: dict[_Key, int]) -> None:
        self._told_before, self._told = before, {}
        self._began_at = now

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


def _key(marker: Marker) -> _Key:
    return (marker.conversation_id, marker.user_id, marker.device_id, marker.kind)


def _split(markers: list[Marker]) -> Iterable[tuple[Marker, ...]]:
    for start in range(0, len(markers), MARKERS_MAX):
        yield tuple(markers[start : start + MARKERS_MAX])
