"""Everything around our processes: the log, the groups, the stores, and the codec they share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from events.codec import Codec
from infra.log_reader import Place
from infra.telemetry import Telemetry
from tests.examples import NOON, codec
from tests.simulation.cassandra import Cassandra
from tests.simulation.groups import Group, SimulatedConsumer
from tests.simulation.kafka import Log
from tests.simulation.loop import SimulatedLoop
from tests.simulation.machine import Machine, Process
from tests.simulation.redis import Redis

CODEC: Codec = codec()
TELEMETRY = Telemetry("simulation")
LOG_GENERATIONS = 16
"""The log may be restored less often than so."""


class Looks:
    """In place of a `Ticker`: the scheduler calls who was added, when it likes."""

    def __init__(self) -> None:
        self.looks: list[Callable[[], bool]] = []

    def add(self, look: Callable[[], bool]) -> None:
        self.looks.append(look)

    def remove(self, look: Callable[[], bool]) -> None:
        self.looks = [one for one in self.looks if one != look]

    def wake(self) -> None:
        pass


@dataclass
class Parts:
    """The parts of one world."""

    loop: SimulatedLoop
    random: Random
    machine: Machine
    log: Log
    redis: Redis
    cassandra: Cassandra
    groups: dict[str, Group] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    """What must never happen, and did."""
    codec: Codec = CODEC
    sockets: list[tuple[Any, Any]] = field(default_factory=list)
    """Every socket that there ever was, with its wire."""
    trouble_chance: float = 0.0
    """How often a handler of a worker raises, whether its work was done or not."""
    on_commit: Callable[[str, Place, int, int], None] = lambda *_: None
    """Told of a group that committed, with the place, the offset before and the new one."""
    log_generation: int = 0
    """What the operator says of the log."""
    words: int = 0
    """How many words were made up."""

    def wall_time(self) -> float:
        """The time of devices and gateways, in seconds since 1970."""
        return NOON / 1_000 + self.loop.now

    def new_word(self) -> str:
        """A word that was never given before."""
        self.words += 1
        return f"{self.words:016x}"

    def consumer(self, owner: Process, group: str | None) -> SimulatedConsumer:
        """A new consumer of a group, or of none."""
        return SimulatedConsumer(
            owner, self.log, self.random, None if group is None else self.group(group)
        )

    def group(self, name: str) -> Group:
        """A consumer group."""
        if name not in self.groups:
            group = self.groups[name] = Group(name, self.log, self.random)
            group.on_commit = lambda *committed: self.on_commit(name, *committed)
        return self.groups[name]

    def committed(self, group: str, place: Place) -> int:
        """The offset from which a group goes on."""
        return self.group(group).offset(place)
