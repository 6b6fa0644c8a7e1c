"""Whether a message costs more than it did: the verdict of `chatlog bench gate`. Pure.

In: a baseline, and rounds of [calibrate, load, calibrate]. Compared are ratios, not microseconds:
what a process spends on a message over what the reference work cost in the same minute, so that
another machine or another hour says the same. Out: passed, failed or disturbed, and a sentence for
each process.
"""

from collections.abc import Sequence
from enum import StrEnum
from statistics import median

from msgspec import Struct

from bench.calibration import Yardsticks

RISE_MAX = 0.10
"""A process may cost so much more than in the baseline."""

MICROSECONDS_MIN = 50.0
"""What costs less than this a message comes into no baseline: ticks of the clock would judge it."""

_NOT_OURS = frozenset(("load", "registry", "total"))


class Round(Struct, frozen=True, kw_only=True):
    """One load and the reference work around it."""

    microseconds: dict[str, float]
    """CPU of each process for one message."""
    yardsticks: Yardsticks
    disturbance: str = ""
    """What kept this round from saying anything; empty when nothing did."""

    def ratio(self, process: str) -> float:
        """What the process spends on a message, in units of its yardstick."""
        return self.microseconds[process] / self.yardsticks.of(process)


class Baseline(Struct, frozen=True, kw_only=True):
    """What a message cost when it was written down."""

    measured_at: str
    machine: str
    command: str
    rate: float
    ratios: dict[str, float]
    """Of each process that is judged."""
    spread: dict[str, float]
    """The highest ratio of the rounds over the lowest, less 1."""
    microseconds: dict[str, float]
    """For reading; not compared."""
    yardsticks: Yardsticks
    """For reading; not compared."""


class Outcome(StrEnum):
    """What a run of the gate says."""

    PASSED = "passed"
    FAILED = "failed"
    DISTURBED = "disturbed"


class Verdict(Struct, frozen=True, kw_only=True):
    """The outcome and why, a sentence for each process."""

    outcome: Outcome
    sentences: list[str]


def ratio(rounds: Sequence[Round], process: str) -> float:
    """The median ratio of a process."""
    return round(median(one.ratio(process) for one in rounds), 4)


def spread(rounds: Sequence[Round], process: str) -> float:
    """How far the rounds were apart."""
    values = [one.ratio(process) for one in rounds]
    return round(max(values) / min(values) - 1, 3)


def judged(rounds: Sequence[Round]) -> list[str]:
    """The processes that are ours and cost enough to be judged."""
    return [
        process
        for process in rounds[0].microseconds
        if process not in _NOT_OURS
        and median(one.microseconds[process] for one in rounds) >= MICROSECONDS_MIN
    ]


def verdict(baseline: Baseline, rounds: Sequence[Round], wanted: int) -> Verdict:
    """Judge the rounds that were not disturbed, if there are as many as wanted."""
    clean = [one for one in rounds if not one.disturbance]
    if len(clean) < wanted:
        whys = [f"Round {at}: {one.disturbance}." for at, one in enumerate(rounds, 1)
                if one.disturbance]  # fmt: skip
        said = f"Only {len(clean)} of {len(rounds)} rounds were undisturbed, {wanted} are needed."
        return Verdict(outcome=Outcome.DISTURBED, sentences=[said, *whys])
    sentences, failed = [], False
    for process, before in baseline.ratios.items():
        if process not in clean[0].microseconds:
            sentences.append(f"{process}: in the baseline, and not found now.")
            failed = True
            continue
        rise = ratio(clean, process) / before - 1
        bad = rise > RISE_MAX
        failed |= bad
        sentences.append(
            f"{process}: a message costs {abs(rise):.1%} {'more' if rise > 0 else 'less'} than in "
            f"the baseline{f', {RISE_MAX:.0%} more is allowed' if bad else ''} "
            f"(rounds are {spread(clean, process):.1%} apart)."
        )
    sentences += [
        f"{process}: not in the baseline; write it anew."
        for process in judged(clean)
        if process not in baseline.ratios
    ]
    return Verdict(outcome=Outcome.FAILED if failed else Outcome.PASSED, sentences=sentences)
