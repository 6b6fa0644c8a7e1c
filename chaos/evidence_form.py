"""What is read after a run, as values: facts, rows, moves of markers, dead letters, lag.

Written beside the history, so that the check can be done again without the stack.
"""

from __future__ import annotations

from msgspec import Struct


class Fact(Struct, frozen=True):
    """A message as the log, or a row of the timeline, has it."""

    conversation: str
    seq: int
    sender: str
    body: str


class Move(Struct, frozen=True):
    """A move of a marker, in the order of the log."""

    conversation: str
    user: str
    kind: str
    seq: int


class Letter(Struct, frozen=True):
    """A record that was set aside, or should have been: its place and a digest of its bytes."""

    group: str
    topic: str
    partition: int
    offset: int
    digest: str
    code: str = ""


class Evidence(Struct, frozen=True, kw_only=True):
    """Everything that was read when all was healed and the load had ended."""

    facts: list[Fact]
    rows: list[Fact]
    moves: list[Move]
    letters: list[Letter]
    planted: list[Letter]
    lag: dict[str, int]
    differences: dict[str, str]
    """What the fold of the log and a read model disagree about, by model; empty when nothing."""
    unsettled: list[int]
