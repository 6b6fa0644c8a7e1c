"""What a system of the comparison is: how it is started, how it is driven, what its words mean.

A `System` is a value; each stands in a module of `bench.peers.systems`, and deleting that module
deletes it from the comparison. `start` is a context manager: whatever happens, all that it started
is gone afterwards.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bench.driver import Driver
from infra.stack.part import OnProgress

IN_FLIGHTS = (1, 8, 32)
"""What is kept under way in each pair: those who wait for each other, and queues that are never
empty, short and long. A system is at its best where it is at its best."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A system that answers."""

    servers: Mapping[str, int]
    """What clients talk to, and what works for them: the process of each, by name."""
    databases: Mapping[str, int]
    """What keeps the data."""
    holders: Mapping[str, int]
    """Those of the servers that hold the sockets."""
    driver: Callable[[bool], Driver]
    """A load program for it; told whether clients ask for the server's acks."""
    archived: Callable[[], int] | None = None
    """How many copies of messages its archive holds; None where that is not looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What a system is asked to do; where one differs, its words say why."""

    pairs: int = 50
    rate: float = 500.0
    """Messages a second for latencies, open loop."""
    warm_up_seconds: float = 5.0
    """Of load at that rate before anything is measured."""
    in_flights: tuple[int, ...] = IN_FLIGHTS
    """Messages under way in each pair, closed loop."""
    idle_sockets: int = 1_000
    group_members: int = 256
    """0: no groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is said about a system beside its figures."""

    acked: str
    """What is true when the sender is told that his message was taken."""
    kept: str
    """Where a message is after that, and what it takes to lose it."""
    receipts: str
    configured: str
    """What differs from the defaults."""
    differs: str = ""
    """What of the workload is different for it, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One system."""

    name: str
    title: str
    needs: tuple[str, ...]
    """System packages."""
    is_here: Callable[[], bool]
    """Whether everything it needs is installed."""
    install: Callable[[], None]
    """Installs what is missing, or raises a UserError that says what to type."""
    versions: Callable[[], dict[str, str]]
    start: Callable[[Path, OnProgress], AbstractContextManager[Running]]
    words: Words
    workload: Workload = Workload()
