"""What a message costs at a rate. Pure.

Measured, the CPU of the whole is a line: some cores whatever the rate (threads that wake for small
batches), and some time for each message. A message is dear when there are few. The line is drawn
through the points where nothing was left undone; the rest of the points, and the highest rate that
was sustained, must agree with it within stated factors.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.planning.inputs import CostPoint, Inputs
from infra.errors import UserError

COST_FACTOR_MAX = 1.25
"""Between what the line says of a measured point and what was measured."""

RATE_FACTOR_MAX = 1.5
"""Between the rate at which the line fills the machine and the highest that was sustained."""


@dataclass(frozen=True, slots=True)
class Line:
    """CPU of the whole by rate."""

    cores: float
    """Whatever the rate."""
    milliseconds: float
    """For each message."""

    def milliseconds_at(self, messages_a_second: float) -> float:
        """CPU for a message, its share of the first part included."""
        return 1_000 * self.cores / messages_a_second + self.milliseconds

    def rate_on(self, cores: float) -> float:
        """The rate that fills so many cores."""
        return max(0.0, cores - self.cores) * 1_000 / self.milliseconds


@dataclass(frozen=True, slots=True)
class Check:
    """One prediction beside what was measured."""

    what: str
    predicted: float
    measured: float
    factor_max: float

    @property
    def factor(self) -> float:
        """How far apart they are."""
        return max(self.predicted / self.measured, self.measured / self.predicted)

    @property
    def holds(self) -> bool:
        """Whether they agree."""
        return self.factor <= self.factor_max


def line_through(points: list[CostPoint]) -> Line:
    """The line of least squares. Raises UserError when it cannot be."""
    rates = [point.messages_a_second for point in points]
    cores = [point.messages_a_second * point.milliseconds / 1_000 for point in points]
    if len(set(rates)) < 2:
        raise _bad("needs whole cost points at two rates or more")
    mean_rate, mean_cores = sum(rates) / len(rates), sum(cores) / len(cores)
    spread = sum((rate - mean_rate) ** 2 for rate in rates)
    slope = sum((r - mean_rate) * (c - mean_cores) for r, c in zip(rates, cores, strict=True))
    line = Line(mean_cores - slope / spread * mean_rate, 1_000 * slope / spread)
    if line.cores < 0 or line.milliseconds <= 0:
        raise _bad("gives a cost below nothing: were the points measured on one machine?")
    return line


def line_of(inputs: Inputs) -> Line:
    """The line of a data file."""
    return line_through([point for point in inputs.cost_points if point.is_whole])


def checks(inputs: Inputs) -> list[Check]:
    """Everything the line can be held against."""
    line = line_of(inputs)
    found = [
        Check(
            f"CPU per message at {point.messages_a_second:,.0f}/s, ms",
            round(line.milliseconds_at(point.messages_a_second), 2),
            point.milliseconds,
            COST_FACTOR_MAX,
        )
        for point in inputs.cost_points
    ]
    cores = inputs.of("machine_cores")
    rate = Check(
        f"highest rate on {cores:g} cores, messages/s",
        round(line.rate_on(cores)),
        inputs.of("sustained_a_second"),
        RATE_FACTOR_MAX,
    )
    return [*found, rate]


def _bad(why: str) -> UserError:
    return UserError("bad_inputs", f"The cost line {why}.", "Measure again: `chatlog bench`.")
