"""How far consumer groups are behind the log: records between what they committed and the end."""

import time
from collections.abc import Iterable

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from events.topics import CONVERSATIONS, GATEWAYS, QUERIES, RECEIPTS, SESSIONS, SUBMISSIONS

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
    """Reads lags; one Kafka connection for many readings. Raises KafkaException."""

    def __init__(self, bootstrap: str, timeout_seconds: float = _KAFKA_SECONDS) -> None:
        self._timeout_seconds = timeout_seconds
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

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
            TopicPartition(topic.name, partition)
            for topic in TOPICS_READ[group]
            for partition in range(topic.partitions)
        ]
        asked = [ConsumerGroupTopicPartitions(group, places)]
        answer = self._admin.list_consumer_group_offsets(
            asked, request_timeout=self._timeout_seconds
        )[group]
        committed = answer.result().topic_partitions
        # The ends are read after the offsets: what comes in between counts as behind.
        newest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        latest = self._admin.list_offsets(
            dict.fromkeys(places, newest), request_timeout=self._timeout_seconds
        )
        ends = {
            (place.topic, place.partition): future.result().offset
            for place, future in latest.items()
        }
        return sum(ends[place.topic, place.partition] - max(place.offset, 0) for place in committed)
