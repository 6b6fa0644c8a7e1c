"""How far the log goes, and how far a consumer group has come; asked from Kafka when needed.

`wait` notes where partitions end and then waits, for a bounded time, until a group has committed
that far: what was in the log when it was called is then in the group's read model.
"""

import asyncio
from collections.abc import Callable, Collection
from functools import partial

from confluent_kafka import KafkaException

from infra.log_reader import Place
from infra.offsets import Offsets
from infra.settings import KafkaSettings

_POLL_SECONDS = 0.05
_POLL_SECONDS_MAX = 0.4


class LogProgress:
    """Asks Kafka about one topic. Raises KafkaException."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self._topic = topic
        self._offsets = Offsets(kafka)

    async def ends(self, partitions: Collection[int]) -> dict[int, int]:
        """The offset behind the last record of each partition."""
        places = [(self._topic, one) for one in partitions]
        return await asyncio.to_thread(self._asked, lambda: self._offsets.ends(places))

    async def committed(self, group: str, partitions: Collection[int]) -> dict[int, int]:
        """The offset that a group goes on from in each partition; 0 where it never committed."""
        places = [(self._topic, one) for one in partitions]
        ask = partial(self._offsets.committed, group, places)
        return await asyncio.to_thread(self._asked, ask)

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

    def _asked(self, ask: Callable[[], dict[Place, int]]) -> dict[int, int]:
        """An answer; asked twice, since a client that knew an old leader fails once."""
        try:
            found = ask()
        except KafkaException:
            found = ask()
        return {partition: offset for (_, partition), offset in found.items()}
