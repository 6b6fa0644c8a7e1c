"""Whose turn it is, which turns count, and what rounds come to. Pure.

In: systems, rounds, turns. Out: an interleaved order (A B C, A B C, …), so that what changes on the
machine meets all alike; whether a turn is to be taken again; the best and the median of rounds.
"""

from collections.abc import Iterator, Sequence
from statistics import median

from msgspec import Struct

from bench.cost import OTHERS_CORES_MAX
from bench.jitter import DISTURBED_SHARE
from bench.peers.results import Phase, Turn

ATTEMPTS_MAX = 3


class Summary(Struct, frozen=True):
    """What rounds come to."""

    best: float
    median: float
    rounds: int


def order(names: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Each turn: its round, from 1 on, and the system."""
    for number in range(1, rounds + 1):
        for name in names:
            yield number, name


def disturbance(turn: Turn) -> str:
    """How far the machine was not ours before, in or after the turn; empty when it was."""
    lost = max(turn.jitter_before, turn.jitter_after)
    taken = max((phase.others_cores for _, phase in phases(turn)), default=0.0)
    parts = [f"a sleeper lost {lost:.0%} of its time"] if lost > DISTURBED_SHARE else []
    parts += [f"others used {taken:.2f} of the cores"] if taken > OTHERS_CORES_MAX else []
    return ", ".join(parts)


def phases(turn: Turn) -> Iterator[tuple[str, Phase]]:
    """Each load of a turn, with its name."""
    if turn.steady:
        yield "steady", turn.steady
    for in_flight, phase in turn.flows.items():
        yield f"{in_flight} under way", phase
    if turn.group:
        yield "group", turn.group


def is_taken_again(turn: Turn, attempts_max: int = ATTEMPTS_MAX) -> bool:
    """Whether a turn does not count and another is worth trying."""
    return bool(disturbance(turn) or turn.failed) and turn.attempt < attempts_max


def summary(values: Sequence[float], *, more_is_better: bool) -> Summary | None:
    """The best and the median; None when nothing was measured."""
    if not values:
        return None
    best = max(values) if more_is_better else min(values)
    return Summary(best, median(values), len(values))
