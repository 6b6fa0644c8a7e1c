"""Kafka in memory: the log, producers that keep their order, readers without a group.

What a producer sent waits in a line for each partition. A line's first record is appended when the
scheduler lets it; when the process dies, some of what waits is appended all the same. The broker
gives each record its time, by a clock that may be set forward and back. Consumer groups are in
`groups`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException

from events.codec import Codec
from events.topics import SNAPSHOTS, TOPICS, partition_of
from infra.log_reader import Place
from infra.producer import Confirmed, Header, Publisher, Unavailable, UnknownTopic
from infra.progress import LogProgress
from tests.simulation.machine import Machine, Process


class Record(NamedTuple):
    """A record as a consumer gives it, with the methods of `confluent_kafka.Message`."""

    place: Place
    at: int
    time: int
    key_bytes: bytes | None
    value_bytes: bytes | None
    headers_: tuple[Header, ...] = ()

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.at

    def timestamp(self) -> tuple[int, int]:
        return (2, self.time)

    def key(self) -> bytes | None:
        return self.key_bytes

    def value(self) -> bytes | None:
        return self.value_bytes

    def headers(self) -> list[Header]:
        return list(self.headers_)

    def error(self) -> None:
        return None


class Log:
    """Every record of every partition."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.changes = 0
        self.starts: dict[Place, int] = {}
        """The first offset that retention has left, where it took something."""
        self.partitions: dict[Place, list[Record]] = {
            (topic.name, number): [] for topic in TOPICS for number in range(topic.partitions)
        }

    def create(self, topic: str) -> None:
        """Make a topic of one partition; nothing happens if there is one."""
        self.partitions.setdefault((topic, 0), [])

    def count(self, topic: str) -> int:
        """How many partitions a topic has."""
        return sum(place[0] == topic for place in self.partitions)

    def append(
        self,
        place: Place,
        key: bytes | None,
        value: bytes | None,
        headers: Collection[Header] = (),
    ) -> int:
        """Append a record; its offset."""
        self.changes += 1
        records = self.partitions[place]
        records.append(Record(place, len(records), self._clock(), key, value, tuple(headers)))
        return len(records) - 1

    def start(self, place: Place) -> int:
        """The first offset that can be read."""
        return self.starts.get(place, 0)

    def of(self, topic: str) -> Iterator[Record]:
        """Every record of a topic, partition after partition."""
        for place, records in self.partitions.items():
            if place[0] == topic:
                yield from records


class SimulatedPublisher(Publisher):
    """The producer of one process, without librdkafka and a broker.

    One that gives up (a gateway's) refuses a record now and then, whether it was appended or not.
    """

    def __init__(
        self, log: Log, codec: Codec, machine: Machine, owner: Process, *, gives_up: bool
    ) -> None:
        self._log = log
        self._codec = codec
        self._loop = machine.loop
        self._machine = machine
        self._owner = owner
        self._part = "kafka-giving-up" if gives_up else "kafka"
        self._lines: dict[Place, deque[tuple[Callable[[], int], Confirmed]]] = {}
        owner.at_death.append(self._die)

    def publish_bytes(self, *record: Any, **more: Any) -> "asyncio.Future[int]":
        future = super().publish_bytes(*record, **more)
        # A process that dies leaves futures behind that nobody asks any more.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    def send(
        self,
        topic: str,
        value: bytes | None,
        confirmed: Confirmed,
        key: bytes | None = None,
        partition: int | None = None,
        headers: list[Header] | None = None,
    ) -> None:
        count = self._log.count(topic)
        if not count:
            confirmed(None, UnknownTopic(topic))
            return
        if topic == SNAPSHOTS.name and self._machine.random.random() < self._machine.full_chance:
            confirmed(None, Unavailable("the queue to Kafka is full"))
            return
        if partition is None:
            partition = 0 if key is None else partition_of(key.decode(), count)
        place = (topic, partition)
        line = self._lines.setdefault(place, deque())
        line.append((partial(self._log.append, place, key, value, headers or ()), confirmed))
        if len(line) == 1:
            self._ask(line)

    def queued(self) -> int:
        return sum(map(len, self._lines.values()))

    def _ask(self, line: "deque[tuple[Callable[[], int], Confirmed]]") -> None:
        answer = self._machine.ask(self._owner, self._part, line[0][0])
        answer.add_done_callback(partial(self._answered, line))

    def _answered(
        self,
        line: "deque[tuple[Callable[[], int], Confirmed]]",
        answer: "asyncio.Future[int]",
    ) -> None:
        if answer.cancelled() or not self._owner.alive:
            return
        _, confirmed = line.popleft()
        if line:
            self._ask(line)
        if answer.exception() is not None:
            confirmed(None, Unavailable("not confirmed"))
        else:
            confirmed(answer.result(), None)

    def _die(self) -> None:
        """Of each line some first records land all the same."""
        for line in self._lines.values():
            if self._part not in self._machine.away:
                for append, _ in list(line)[: self._machine.random.randint(0, len(line))]:
                    append()
            line.clear()


class SimulatedReader:
    """`infra.log_reader.LogReader` on the log in memory."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def __enter__(self) -> "SimulatedReader":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ends(self, places: list[Place]) -> dict[Place, tuple[int, int]]:
        return {
            place: (self._log.start(place), len(self._log.partitions[place])) for place in places
        }

    def first_since(self, times: Mapping[Place, int]) -> dict[Place, int]:
        found = {}
        for place, at in times.items():
            records = self._log.partitions[place]
            kept = records[self._log.start(place) :]
            since = (record.at for record in kept if record.time >= at)
            found[place] = next(since, len(records))
        return found

    def read(self, stretches: Mapping[Place, tuple[int, int]], **_: Any) -> Iterator[Record]:
        for place, (start, end) in stretches.items():
            if start < min(end, self._log.start(place)):
                raise KafkaException(KafkaError(KafkaError._AUTO_OFFSET_RESET))
            yield from self._log.partitions[place][start:end]


class SimulatedProgress(LogProgress):
    """How far the log and its groups are, asked as a process asks it."""

    def __init__(
        self,
        topic: str,
        log: Log,
        committed: Callable[[str, Place], int],
        machine: Machine,
        owner: Process,
    ) -> None:
        super().__init__("", topic)
        self._log = log
        self._of_group = committed
        self._owner = owner
        self._ask = partial(machine.ask, owner, "kafka-giving-up")

    async def wait(self, group: str, partitions: Collection[int], timeout_seconds: float) -> bool:
        self._owner.waits += 1
        try:
            return await super().wait(group, partitions, timeout_seconds)
        finally:
            self._owner.waits -= 1

    async def ends(self, partitions: Collection[int]) -> dict[int, int]:
        return await self._ask(
            lambda: {one: len(self._log.partitions[self._topic, one]) for one in partitions}
        )

    async def committed(self, group: str, partitions: Collection[int]) -> dict[int, int]:
        return await self._ask(
            lambda: {one: self._of_group(group, (self._topic, one)) for one in partitions}
        )
