"""What is kept of a comparison: plain values, as they stand in the JSON report. Pure."""

from msgspec import Struct

from bench.commands import Loaded


class Phase(Struct, frozen=True, kw_only=True):
    """One load on a system."""

    per_second: float
    """Messages that were delivered (to all members of a group) in a second of measured time."""
    loaded: Loaded
    microseconds_a_message: dict[str, float]
    """CPU of `server`, `database` and `client`."""
    others_cores: float
    copies_a_message: float | None = None
    """Copies that the archive got of each message; None where that was not looked at."""


class Sockets(Struct, frozen=True, kw_only=True):
    """What idle sockets cost in memory."""

    count: int
    connected_seconds: float
    kib_each: float


class Turn(Struct, frozen=True, kw_only=True):
    """One turn of one system."""

    system: str
    round: int
    attempt: int
    jitter_before: float
    jitter_after: float
    seconds: float
    """Of the whole turn, with start and end."""
    start_seconds: float = 0.0
    sockets: Sockets | None = None
    steady: Phase | None = None
    """Open loop, for latencies."""
    flows: dict[str, Phase] = {}
    """Closed loops, by messages under way in each pair."""
    group: Phase | None = None
    group_members: int = 0
    failed: str = ""
    """Why it ended early; empty when it did not."""


class Described(Struct, frozen=True, kw_only=True):
    """A system as the report names it."""

    name: str
    title: str
    versions: dict[str, str]
    acked: str
    kept: str
    receipts: str
    configured: str
    differs: str
    rate: float
    pairs: int


class Comparison(Struct, frozen=True, kw_only=True):
    """Everything that was measured, where and how."""

    measured_at: str
    machine: str
    command: str
    rounds: int
    body_bytes: int
    steady_seconds: float
    flow_seconds: float
    systems: list[Described]
    turns: list[Turn]
    """One for each system and round."""
    discarded: list[Turn]
    """Turns that were taken again because the machine was not ours."""
