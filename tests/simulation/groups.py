"""Consumer groups in memory: who reads which partition, what is committed, and consumers.

A partition goes from one member to another only when the first has let it go, or is dead, or has
not been heard of for so long that it is given up; that one learns of it when it polls again, and
what it does until then it does as a zombie. Offsets that a member stored are committed later, and
only while the partition is its own.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from infra.log_reader import Place
from tests.simulation.kafka import Log, Record
from tests.simulation.machine import Process

_NOTHING = -1001
_RECORDS_AT_ONCE = 6

Callback = Callable[["SimulatedConsumer", list[TopicPartition]], None]


class Group:
    """One consumer group."""

    def __init__(self, name: str, log: Log, random: Random) -> None:
        self.name = name
        self.topics: list[str] = []
        self.members: list[SimulatedConsumer] = []
        self.committed: dict[Place, tuple[int, str]] = {}
        self.owners: dict[Place, SimulatedConsumer] = {}
        self.on_commit: Callable[[Place, int, int], None] = lambda *_: None
        self.changes = 0
        """How often it was changed who owns, or is to own, what."""
        self._targets: dict[Place, SimulatedConsumer] = {}
        self._log = log
        self._random = random

    def join(self, member: "SimulatedConsumer") -> None:
        """A member subscribed."""
        self.topics = member.topics
        self.members.append(member)
        self.rebalance()

    def leave(self, member: "SimulatedConsumer") -> None:
        """A member is gone, or given up."""
        if member in self.members:
            self.members.remove(member)
        for place in [place for place, owner in self.owners.items() if owner is member]:
            del self.owners[place]
        self.rebalance()

    def rebalance(self) -> None:
        """Give each partition number to some member, the same for all topics."""
        self.changes += 1
        self._targets = {}
        if not self.members:
            return
        topics = self.topics
        numbers = {place[1] for place in self._log.partitions if place[0] in topics}
        for number in sorted(numbers):
            member = self._random.choice(self.members)
            for topic in topics:
                if (topic, number) in self._log.partitions:
                    self._targets[topic, number] = member

    def to_leave(self, member: "SimulatedConsumer") -> list[Place]:
        """What a member is to let go."""
        return [
            place
            for place, owner in self.owners.items()
            if owner is member and self._targets.get(place) is not member
        ]

    def to_take(self, member: "SimulatedConsumer") -> list[Place]:
        """What a member may take now."""
        return [
            place
            for place, target in self._targets.items()
            if target is member and place not in self.owners
        ]

    def commit(self, member: "SimulatedConsumer", stored: dict[Place, tuple[int, str]]) -> None:
        """Take the offsets of a member, where it still is the owner."""
        for place, reached in stored.items():
            if self.owners.get(place) is member:
                before = self.offset(place)
                self.committed[place] = reached
                self.on_commit(place, before, reached[0])

    def offset(self, place: Place) -> int:
        """The offset from which the group goes on."""
        return self.committed.get(place, (0, ""))[0]


class SimulatedConsumer:
    """A consumer of a group, as far as `processors` and `edge.deliveries` use one."""

    def __init__(self, owner: Process, log: Log, random: Random, group: Group | None) -> None:
        self.process = owner
        self.group_name = "" if group is None else group.name
        self.topics: list[str] = []
        self.stored: dict[Place, tuple[int, str]] = {}
        self._log = log
        self._random = random
        self._group = group
        self._positions: dict[Place, int] = {}
        self._paused: set[Place] = set()
        self._callbacks: dict[str, Callback] = {}
        self._closed = False
        self._nothing_at: tuple[int, int] | None = None
        """After so many changes of the log and of the group there was nothing for it."""
        self.unaware_looks = 0
        """For so many looks it does not hear what the group decided, and reads on."""
        if group is not None:
            owner.at_death.append(lambda: group.leave(self))

    @property
    def given_up(self) -> bool:
        """Whether the group goes on without it."""
        return self._group is not None and self not in self._group.members

    def subscribe(self, topics: list[str], **callbacks: Callback) -> None:
        assert self._group is not None
        self.topics = topics
        self._callbacks = callbacks
        self._group.join(self)

    def commit_stored(self) -> None:
        """What the client does in the background now and then."""
        if self._group is not None and not self.given_up:
            self._group.commit(self, self.stored)
            self.stored = {}

    def poll(self, timeout: float) -> Record | None:
        found = self._served(1)
        return found[0] if found else None

    def consume(self, count: int, timeout: float) -> list[Record]:
        return self._served(count)

    def _served(self, count: int) -> list[Record]:
        """Records and a rebalance stand in one queue: either may come first."""
        if self.unaware_looks:
            self.unaware_looks -= 1
            return self._records(count)
        changes = self._log.changes, 0 if self._group is None else self._group.changes
        if changes == self._nothing_at:
            return []
        rebalance_comes_first = self._random.random() < 0.5
        if self._group is not None and rebalance_comes_first:
            self._follow(self._group)
        found = self._records(count)
        if self._group is not None and not (rebalance_comes_first or (found and count == 1)):
            self._follow(self._group)
        if not found and (self._group is None or self._group.changes == changes[1]):
            self._nothing_at = changes
        return found

    def _records(self, count: int) -> list[Record]:
        places = [
            place
            for place, position in self._positions.items()
            if place not in self._paused and position < len(self._log.partitions[place])
        ]
        for place in places:
            if self._positions[place] < self._log.start(place):
                raise KafkaException(KafkaError(KafkaError._AUTO_OFFSET_RESET))
        found: list[Record] = []
        for _ in range(min(count, self._random.randint(1, _RECORDS_AT_ONCE))):
            if not places:
                break
            place = self._random.choice(places)
            records = self._log.partitions[place]
            found.append(records[self._positions[place]])
            self._positions[place] += 1
            if self._positions[place] == len(records):
                places.remove(place)
        return found

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self._nothing_at = None
        for one in partitions:
            self._positions[one.topic, one.partition] = 0

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._nothing_at = None
        self._positions = {(one.topic, one.partition): one.offset for one in partitions}

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        self._nothing_at = None
        for one in partitions:
            place = (one.topic, one.partition)
            self._positions.pop(place, None)
            self._paused.discard(place)
            self.stored.pop(place, None)

    def pause(self, partitions: list[TopicPartition]) -> None:
        self._paused |= {(one.topic, one.partition) for one in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        self._nothing_at = None
        self._paused -= {(one.topic, one.partition) for one in partitions}

    def seek(self, one: TopicPartition) -> None:
        self._nothing_at = None
        if (one.topic, one.partition) in self._positions:
            place = (one.topic, one.partition)
            is_first = one.offset == OFFSET_BEGINNING
            self._positions[place] = self._log.start(place) if is_first else one.offset

    def store_offsets(self, offsets: list[TopicPartition]) -> None:
        for one in offsets:
            self.stored[one.topic, one.partition] = (one.offset, one.metadata)

    def commit(self, asynchronous: bool) -> None:
        self.commit_stored()

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        assert self._group is not None
        found = []
        for one in partitions:
            place = (one.topic, one.partition)
            offset, metadata = self._group.committed.get(place, (_NOTHING, ""))
            found.append(TopicPartition(*place, offset, metadata=metadata))
        return found

    def get_watermark_offsets(self, one: TopicPartition, timeout: float) -> tuple[int, int]:
        place = (one.topic, one.partition)
        return self._log.start(place), len(self._log.partitions[place])

    def close(self) -> None:
        if not self._closed and self._group is not None:
            self._closed = True
            self.commit_stored()
            self._group.leave(self)

    def _follow(self, group: Group) -> None:
        """Let go, and take, what the group wants."""
        if self.given_up:
            self._tell("on_lost", list(self._positions))
            self.stored = {}
            group.join(self)  # and may be given some of them again at once
        if leaving := group.to_leave(self):
            self._tell("on_revoke", leaving)
            for place in leaving:
                del group.owners[place]
            group.changes += 1
        if taking := group.to_take(self):
            group.owners.update(dict.fromkeys(taking, self))
            group.changes += 1
            self._tell("on_assign", taking)

    def _tell(self, callback: str, places: list[Place]) -> None:
        if places:
            partitions = [TopicPartition(*place) for place in places]
            found: Any = self._callbacks[callback]
            found(self, partitions)
