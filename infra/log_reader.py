"""Reads stretches of the log without a consumer group: for restoring, replaying and looking.

`ends` says where partitions begin and end; `read` gives the records of many stretches at once, each
in order, and stops when all are read. Synchronous: call it on a thread of its own.
"""

import time
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from infra.settings import KafkaSettings

Place = tuple[str, int]
"""A topic and a partition of it."""

_KAFKA_SECONDS = 30.0
_RECORDS_AT_ONCE = 2_000


def place_of(record: Message) -> tuple[str, int, int]:
    """Topic, partition and offset of a record that was consumed."""
    return record.topic(), record.partition(), record.offset()  # type: ignore[return-value]


class LogReader:
    """A groupless reader. Use as a context manager; raises KafkaException and TimeoutError."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._consumer = Consumer(
            {
                **kafka.connection(),
                "group.id": "none",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": False,
                "fetch.wait.max.ms": 20,
                "fetch.queue.backoff.ms": 5,
                "queued.max.messages.kbytes": 65_536,
            }
        )
        self._known_topics: set[str] = set()

    def __enter__(self) -> "LogReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def ends(self, places: list[Place]) -> dict[Place, tuple[int, int]]:
        """The first offset and the offset behind the last record of each partition."""
        return {
            place: self._consumer.get_watermark_offsets(
                TopicPartition(*place), timeout=_KAFKA_SECONDS
            )
            for place in places
        }

    def first_since(self, times: Mapping[Place, int]) -> dict[Place, int]:
        """The first offset appended at each time or later; where there is none, the end."""
        if not times:
            return {}
        asked = [TopicPartition(*place, at) for place, at in times.items()]
        found = self._consumer.offsets_for_times(asked, timeout=_KAFKA_SECONDS)
        ends = self.ends(list(times))
        offsets: dict[Place, int] = {}
        for one in found:
            if one.error is not None:
                raise KafkaException(one.error)
            place = (one.topic, one.partition)
            offsets[place] = one.offset if one.offset >= 0 else ends[place][1]
        return offsets

    def read(
        self, stretches: Mapping[Place, tuple[int, int]], *, idle_seconds: float = _KAFKA_SECONDS
    ) -> Iterator[Message]:
        """The records from each first offset to below each second one.

        Raises TimeoutError when nothing more arrives for `idle_seconds`.
        """
        ends = {place: end for place, (start, end) in stretches.items() if start < end}
        if not ends:
            return
        for topic in {topic for topic, _ in ends} - self._known_topics:
            # Otherwise librdkafka learns of the topic by a timer, a second later.
            self._consumer.list_topics(topic, timeout=_KAFKA_SECONDS)
            self._known_topics.add(topic)
        self._consumer.assign([TopicPartition(*place, stretches[place][0]) for place in ends])
        last_at = time.monotonic()
        try:
            while ends:
                records = self._consumer.consume(_RECORDS_AT_ONCE, 0.01)
                if not records and time.monotonic() - last_at > idle_seconds:
                    raise TimeoutError(f"no records for {idle_seconds} s from {sorted(ends)}")
                for record in records:
                    if record.error() is not None:
                        raise KafkaException(record.error())
                    last_at = time.monotonic()
                    topic, partition, offset = place_of(record)
                    end = ends.get((topic, partition))
                    if end is None:
                        continue
                    if offset < end:
                        yield record
                    if offset >= end - 1:
                        del ends[topic, partition]
        finally:
            self._consumer.unassign()
