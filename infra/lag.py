"""How far consumer groups are behind the log: records between what they committed and the end."""

import time
from collections.abc import Iterable

from events.topics import CONVERSATIONS, GATEWAYS, QUERIES, RECEIPTS, SESSIONS, SUBMISSIONS
from infra.offsets import Offsets
from infra.settings import KafkaSettings

TOPICS_READ = {
    "admission": (SUBMISSIONS,),
    "fanout": (CONVERSATIONS, RECEIPTS),
    "history": (CONVERSATIONS,),
    "receipts": (RECEIPTS,),
    "snapshots": (CONVERSATIONS, RECEIPTS),
    "sessions": (GATEWAYS, SESSIONS),
    "queries": (QUERIES,),
}
"""The topics of which each group commits offsets."""

_KAFKA_SECONDS = 20.0
_POLL_SECONDS = 0.2


class LagReader:
    """Reads lags; one Kafka connection a group for many readings. Raises KafkaException."""

    def __init__(self, kafka: KafkaSettings, timeout_seconds: float = _KAFKA_SECONDS) -> None:
        self._offsets = Offsets(kafka, timeout_seconds)

    def lags(self, groups: Iterable[str]) -> dict[str, int]:
        """Records each group has still to take."""
        return {group: self._lag(group) for group in groups}

    def seconds_until_caught_up(
        self, groups: Iterable[str], timeout_seconds: float
    ) -> float | None:
        """How long it takes until no group has anything to take; None when it takes too long."""
        began = time.monotonic()
        waiting = set(groups)
        while True:
            waiting = {group for group in waiting if self._lag(group) > 0}
            elapsed = time.monotonic() - began
            if not waiting:
                return round(elapsed, 1)
            if elapsed > timeout_seconds:
                return None
            time.sleep(_POLL_SECONDS)

    def _lag(self, group: str) -> int:
        places = [
            (topic.name, partition)
            for topic in TOPICS_READ[group]
            for partition in range(topic.partitions)
        ]
        # The ends are read after the offsets: what comes in between counts as behind.
        committed = self._offsets.committed(group, places)
        ends = self._offsets.ends(places)
        return sum(ends[place] - committed[place] for place in places)
