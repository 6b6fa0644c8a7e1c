"""How far the log goes, and how far a consumer group has come; asked from Kafka when needed.

`wait` notes where partitions end and then waits, for a bounded time, until a group has committed
that far: what was in the log when it was called is then in the group's read model.
"""

import asyncio
from collections.abc import Callable, Collection

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

_REQUEST_SECONDS = 5.0
_POLL_SECONDS = 0.05
_POLL_SECONDS_MAX = 0.4


class LogProgress:
    """Asks Kafka about one topic. Raises KafkaException."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._admin: AdminClient | None = None

    async def ends(self, partitions: Collection[int]) -> dict[int, int]:
        """The offset behind the last record of each partition."""
        return await asyncio.to_thread(self._asked, self._ends, partitions)

    async def committed(self, group: str, partitions: Collection[int]) -> dict[int, int]:
        """The offset that a group goes on from in each partition; 0 where it never committed."""
        return await asyncio.to_thread(self._asked, self._committed, partitions, group)

    async def wait(self, group: str, partitions: Collection[int], timeout_seconds: float) -> bool:
        """Whether the group came, in time, to where these partitions end now."""
        now = asyncio.get_running_loop().time
        deadline = now() + timeout_seconds
        behind = await self.ends(partitions)
        pause_seconds = _POLL_SECONDS
        while True:
            committed = await self.committed(group, behind)
            behind = {one: end for one, end in behind.items() if committed[one] < end}
            left_seconds = deadline - now()
            if not behind or left_seconds <= 0:
                return not behind
            await asyncio.sleep(min(pause_seconds, left_seconds))
            pause_seconds = min(pause_seconds * 2, _POLL_SECONDS_MAX)

    def _asked(
        self, ask: Callable[..., dict[int, int]], partitions: Collection[int], *more: str
    ) -> dict[int, int]:
        """An answer, from a fresh client if the one at hand fails.

        A client that knew a leader before it was elected anew is refused with FENCED_LEADER_EPOCH,
        and does not look for minutes who leads now.
        """
        try:
            return ask(partitions, *more)
        except KafkaException:
            self._admin = None
            return ask(partitions, *more)

    def _client(self) -> AdminClient:
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self._bootstrap, "log_level": 0})
        return self._admin

    def _ends(self, partitions: Collection[int]) -> dict[int, int]:
        newest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(self._topic, one): newest for one in partitions}
        answers = self._client().list_offsets(asked, request_timeout=_REQUEST_SECONDS)
        return {place.partition: answer.result().offset for place, answer in answers.items()}

    def _committed(self, partitions: Collection[int], group: str) -> dict[int, int]:
        asked = ConsumerGroupTopicPartitions(
            group, [TopicPartition(self._topic, one) for one in partitions]
        )
        answers = self._client().list_consumer_group_offsets(
            [asked], request_timeout=_REQUEST_SECONDS
        )
        answer = answers[group].result()
        return {place.partition: max(place.offset, 0) for place in answer.topic_partitions or ()}
