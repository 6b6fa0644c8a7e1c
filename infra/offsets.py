"""Where partitions end and how far groups have come, asked from Kafka. Blocks: for a thread.

Asked through consumers that subscribe to nothing, so they join no group. librdkafka's admin client
would do it in fewer words, but a broker that goes away under its requests may abort the process
(2.16.1, `rd_kafka_enq_once_del_source_return: Assertion eonce->refcnt > 0`).
"""

from collections.abc import Collection

from confluent_kafka import Consumer, KafkaException, TopicPartition

from events.marks import mark_of
from events.topics import KEPT
from infra.log_reader import Place
from infra.settings import KafkaSettings

_NEWEST = -1
_NO_GROUP = "none"


class Offsets:
    """Asks one cluster, from any thread. Raises KafkaException, after which it asks anew."""

    def __init__(self, kafka: KafkaSettings, timeout_seconds: float = 5.0) -> None:
        self._kafka = kafka
        self._timeout_seconds = timeout_seconds
        self._askers: dict[str, Consumer] = {}

    def ends(self, places: Collection[Place]) -> dict[Place, int]:
        """The offset behind the last record of each partition."""
        asked = [TopicPartition(topic, partition, _NEWEST) for topic, partition in places]
        try:
            answers = self._asker(_NO_GROUP).offsets_for_times(asked, timeout=self._timeout_seconds)
            return _offsets(answers)
        except KafkaException:
            # One that knew a leader before it was elected anew is refused with
            # FENCED_LEADER_EPOCH, and does not look for minutes who leads now.
            self._askers.pop(_NO_GROUP, None)
            raise

    def committed(self, group: str, places: Collection[Place]) -> dict[Place, int]:
        """The offset that a group goes on from in each partition; 0 where it never committed.

        Nor does it go on from what it committed of facts or moves of an older log generation.
        """
        answers = self.positions(group, places)
        return {
            (one.topic, one.partition): max(one.offset, 0) if self._counts(one) else 0
            for one in answers
        }

    def positions(self, group: str, places: Collection[Place]) -> list[TopicPartition]:
        """What a group committed of each partition, with its metadata."""
        asked = [TopicPartition(topic, partition) for topic, partition in places]
        try:
            answers = self._asker(group).committed(asked, timeout=self._timeout_seconds)
            _offsets(answers)
            return answers
        except KafkaException:
            self._askers.pop(group, None)
            raise

    def _counts(self, committed: TopicPartition) -> bool:
        mark = mark_of(committed.metadata, committed.offset)
        is_older = mark is not None and mark.generation < self._kafka.log_generation
        return not (is_older and committed.topic in KEPT)

    def _asker(self, group: str) -> Consumer:
        asker = self._askers.get(group)
        if asker is None:
            asker = self._askers[group] = Consumer(
                {
                    **self._kafka.connection(),
                    "group.id": group,
                    "enable.auto.commit": False,
                    "allow.auto.create.topics": False,
                    "reconnect.backoff.max.ms": 1_000,
                    "log_level": 0,
                }
            )
        return asker


def _offsets(answers: list[TopicPartition]) -> dict[Place, int]:
    for answer in answers:
        if answer.error is not None:
            raise KafkaException(answer.error)
    return {(answer.topic, answer.partition): answer.offset for answer in answers}
