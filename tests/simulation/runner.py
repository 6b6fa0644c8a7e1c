"""Runs of many seeds side by side, of one seed told as a story, and of planted mistakes."""

import json
import time
import warnings
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

import pytest

from tests.simulation.checks import CHECKS, violations
from tests.simulation.planted import PLANTED, QUIET, SEEDS, SEEDS_FILE
from tests.simulation.world import run

PROCESSES = 2
PLANTED_RUNS = 1_000
_SEEDS_AT_ONCE = 25
_SHOWN = 5
_OUT_OF_DATE = ("TypeError", "AttributeError", "has no attribute")
"""What a mistake meets that was planted in code which has changed since."""


def check(seed: int, steps: int | None = None, *, quiet: bool | None = None) -> list[str]:
    """What does not hold after a run; a crash of the simulation itself is among it."""
    warnings.simplefilter("ignore")  # of coroutines that died with their process
    try:
        return violations(run(seed, steps, quiet=quiet))
    except Exception as error:
        return [f"simulation: {type(error).__name__}: {error}"]


def check_some(seeds: Iterable[int]) -> list[tuple[int, list[str]]]:
    """The seeds of which something does not hold."""
    return [(seed, found) for seed in seeds if (found := check(seed))]


class Found(NamedTuple):
    """The first seed that finds a planted mistake, -1 when none does, and what does not hold."""

    name: str
    seed: int
    sentences: list[str]

    @property
    def checks(self) -> set[str]:
        """The names of the checks that failed."""
        return {one.split(":")[0] for one in self.sentences}


def find_planted(name: str) -> Found:
    """Look for a planted mistake, in quiet runs only where only these show it.

    Where it was found last time comes first: it costs a run, and proves as much as any other.
    """
    quiet = True if name in QUIET else None
    for seed in (*([SEEDS[name]] if name in SEEDS else ()), *range(PLANTED_RUNS)):
        with pytest.MonkeyPatch.context() as patch:
            try:
                PLANTED[name](patch)
            except AttributeError as error:  # what it changes is gone
                return Found(name, -1, [f"simulation: {error}"])
            found = check(seed, quiet=quiet)
        if not found:
            continue
        if any(sign in found[0] for sign in _OUT_OF_DATE):
            return Found(name, -1, found)
        if not check(seed, quiet=quiet):  # it is the mistake that this seed shows
            return Found(name, seed, found)
    return Found(name, -1, [])


def tell(seed: int) -> int:
    """One seed: what does not hold, and the shortest story that shows it."""
    found = check(seed)
    if not found:
        print(f"seed {seed}: everything holds")
        return 0
    low, high = 0, run(seed).steps
    while low < high:  # not every prefix of a bad run is bad; a short one is good enough
        middle = (low + high) // 2
        low, high = (low, middle) if check(seed, middle) else (middle + 1, high)
    found = check(seed, high) or found
    world = run(seed, high)
    print(f"seed {seed}, its first {high} steps, with {', '.join(world.faults) or 'no faults'}:")
    for line in world.story[: world.story.index("heal")]:
        print(f"  {line}")
    for violation in found[:_SHOWN]:
        print(violation)
    return 1


def _pool() -> ProcessPoolExecutor:
    # A forked process would miss the threads that the libraries of this one have started.
    return ProcessPoolExecutor(PROCESSES, get_context("spawn"))


def tell_many(first: int, runs: int) -> int:
    """Many seeds, side by side."""
    began, bad = time.monotonic(), 0
    starts = range(first, first + runs, _SEEDS_AT_ONCE)
    some = [range(start, min(start + _SEEDS_AT_ONCE, first + runs)) for start in starts]
    with _pool() as pool:
        for found in pool.map(check_some, some):
            bad += _tell_bad(found)
    return _tell_sum(runs, first, time.monotonic() - began, bad)


def tell_for(first: int, seconds: float) -> int:
    """As many seeds from the first as fit in a time."""
    began, bad, done, start = time.monotonic(), 0, 0, first
    with _pool() as pool:
        waiting: deque[Future[list[tuple[int, list[str]]]]] = deque()
        while True:
            while len(waiting) < 2 * PROCESSES and time.monotonic() - began < seconds:
                waiting.append(pool.submit(check_some, range(start, start + _SEEDS_AT_ONCE)))
                start += _SEEDS_AT_ONCE
            if not waiting:
                break
            bad += _tell_bad(waiting.popleft().result())
            done += _SEEDS_AT_ONCE
    return _tell_sum(done, first, time.monotonic() - began, bad)


def _tell_bad(found: list[tuple[int, list[str]]]) -> int:
    for seed, sentences in found:
        print(f"seed {seed}: {sentences[0][:400]}", flush=True)
        print(f"  again: .venv/bin/python -m tests.simulation --seed {seed}", flush=True)
    return len(found)


def _tell_sum(runs: int, first: int, seconds: float, bad: int) -> int:
    print(f"{runs} runs from seed {first} in {seconds:.0f} s, {bad} of them bad")
    return int(bad > 0)


def tell_planted(*, write: bool = False) -> int:
    """Every planted mistake, side by side; and the checks that none made fail, which is as bad.

    With `write` it is noted where each was found.
    """
    seeds = {}
    never_failed = set(CHECKS)
    with _pool() as pool:
        for found in pool.map(find_planted, PLANTED):
            if found.seed >= 0:
                seeds[found.name] = found.seed
            never_failed -= found.checks
            what = f"seed {found.seed}:" if found.seed >= 0 else "NOT FOUND"
            what += f" {found.sentences[0][:90]}" if found.sentences else ""
            print(f"{found.name}: {what}", flush=True)
    print(f"{len(seeds)} of {len(PLANTED)} planted mistakes found")
    print(f"checks that never failed: {', '.join(sorted(never_failed)) or 'none'}")
    if write:
        SEEDS_FILE.write_text(json.dumps(dict(sorted(seeds.items())), indent=2) + "\n")
    return int(len(seeds) < len(PLANTED) or bool(never_failed))
