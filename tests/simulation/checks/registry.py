"""The register of checks: each has a name and the promise of docs/invariants.md that it is for."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.simulation.checks.seen import Seen

Look = Callable[[Seen], Iterator[str]]


class Check(NamedTuple):
    """The promise, and what looks for sentences about what does not hold.

    A check without `look` is made while the world runs; what it finds is in `parts.findings`.
    """

    promise: str
    look: Look | None


CHECKS: dict[str, Check] = {}


def check(name: str, promise: str) -> Callable[[Look], Look]:
    """Register a check; its name is put before each of its sentences."""

    def register(look: Look) -> Look:
        assert name not in CHECKS, f"there are two checks {name}"
        CHECKS[name] = Check(promise, look)
        return look

    return register


def checked_while_running(name: str, promise: str) -> None:
    """Register a check whose findings are noted by the world itself, with the name before them."""
    CHECKS[name] = Check(promise, None)
