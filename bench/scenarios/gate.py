"""Rounds of load between calibrations: what a message costs, in units of what work costs now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import msgspec

from bench import calibration
from bench.circumstances import machine, now
from bench.commands import Connected, ConnectPairs
from bench.cost import OTHERS_CORES_MAX
from bench.gate import Baseline, Outcome, Round, judged, ratio, spread
from bench.jitter import DISTURBED_SHARE, lost_share
from bench.scenarios.traffic import Stretch, Traffic, drive
from bench.world import World
from infra.lag import LagReader

_CONNECT_SECONDS = 90.0
_PROBE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much load, how often."""

    rounds: int = 3
    pairs: int = 100
    rate: float = 500.0
    warm_up_seconds: float = 60.0
    seconds: float = 15.0
    calibration_seconds: float = 5.0
    even_if_disturbed: bool = False
    """Count disturbed rounds: for trying the gate out, not for believing it."""

    @property
    def rounds_max(self) -> int:
        """Rounds in all, when some are disturbed or the verdict is to be confirmed."""
        return 2 * self.rounds


def measure(
    world: World,
    options: Options,
    judge: Callable[[Sequence[Round]], Outcome],
    tell: Callable[[str], None],
) -> list[Round]:
    """Rounds until what `judge` says is passed, or there were enough of them."""
    calibration.prepare(world)
    lags = LagReader(world.kafka())
    rounds: list[Round] = []
    with world.driver() as driver:
        driver.tell(ConnectPairs(options.pairs))
        driver.wait(Connected, _CONNECT_SECONDS)

        def load(seconds: float) -> Traffic:
            stretch = Stretch(rate=options.rate, warm_up_seconds=0.0, seconds=seconds)
            return drive(world, driver, lags, stretch)

        def calibrate() -> calibration.Yardsticks:
            return calibration.calibrate(world, options.rate, options.calibration_seconds)

        tell("warming up …")
        load(options.warm_up_seconds)
        calibrate()
        before = calibrate()
        while len(rounds) < options.rounds_max:
            lost = lost_share(_PROBE_SECONDS)
            traffic = load(options.seconds)
            lost = max(lost, lost_share(_PROBE_SECONDS))
            after = calibrate()
            made = Round(
                microseconds=traffic.cpu_microseconds_a_message,
                yardsticks=before.between(after),
                disturbance="" if options.even_if_disturbed else _disturbance(lost, traffic),
            )
            rounds.append(made)
            tell(_said(len(rounds), made))
            before = after
            if len(rounds) >= options.rounds and judge(rounds) is Outcome.PASSED:
                break
        driver.finish()
    return rounds


def baseline_of(rounds: Sequence[Round], options: Options, command: str) -> Baseline:
    """A new baseline of undisturbed rounds."""
    clean = [one for one in rounds if not one.disturbance]
    processes = judged(clean)
    return Baseline(
        measured_at=now(),
        machine=machine(),
        command=command,
        rate=options.rate,
        ratios={process: ratio(clean, process) for process in processes},
        spread={process: spread(clean, process) for process in processes},
        microseconds={
            process: round(median(one.microseconds[process] for one in clean), 1)
            for process in processes
        },
        yardsticks=calibration.Yardsticks(
            *(
                round(median(msgspec.structs.astuple(one.yardsticks)[at] for one in clean), 2)
                for at in range(len(calibration.Yardsticks.__struct_fields__))
            )
        ),
    )


def _disturbance(lost: float, traffic: Traffic) -> str:
    if lost > DISTURBED_SHARE:
        return f"a sleeper lost {lost:.0%} of its time"
    if traffic.others_cores > OTHERS_CORES_MAX:
        return f"other programs used {traffic.others_cores:.2f} of the cores"
    if not traffic.loaded.is_whole:
        return "not every message arrived with all its receipts"
    return ""


def _said(number: int, made: Round) -> str:
    costs = ", ".join(
        f"{process} {made.microseconds[process]:.0f} us = {made.ratio(process):.3f}"
        for process in judged([made])
    )
    sticks = msgspec.structs.asdict(made.yardsticks)
    reference = ", ".join(f"{name} {value:.0f}" for name, value in sticks.items())
    why = f"; disturbed: {made.disturbance}" if made.disturbance else ""
    return f"round {number}: {costs} (reference: {reference}){why}"
