"""What processes spend: CPU time and memory.

CPU is of all threads, user and system, in ticks of 10 ms: over half a minute that is exact enough.
What the whole machine spent, less what is ours, is what others took from us.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil

OTHERS_CORES_MAX = 0.1
"""More than this taken by other programs, and latencies say little."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The clocks of processes at one moment."""

    at: float
    cpu_seconds: Mapping[str, float]
    machine_seconds: float


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent between two marks."""

    seconds: float
    cpu_seconds: dict[str, float]
    others_cores: float
    """Cores that were busy with what is not ours."""

    def microseconds_a_message(self, messages: int) -> dict[str, float]:
        """CPU microseconds of each process for one message, and of all."""
        each = {
            name: round(seconds * 1e6 / max(messages, 1), 1)
            for name, seconds in self.cpu_seconds.items()
        }
        return {**each, "total": round(sum(each.values()), 1)}


def mark(pids: Mapping[str, int], clock: Callable[[int], float] | None = None) -> Mark:
    """Read the clocks of these processes, by name, and of the machine.

    Of each alone, or by another clock such as `family_cpu_seconds`.
    """
    clock = clock or cpu_seconds
    return Mark(
        at=time.monotonic(),
        cpu_seconds={name: clock(pid) for name, pid in pids.items()},
        machine_seconds=_machine_seconds(),
    )


def spent(begin: Mark, end: Mark) -> Spent:
    """What was spent in between."""
    seconds = end.at - begin.at
    ours = {name: end.cpu_seconds[name] - begin.cpu_seconds[name] for name in begin.cpu_seconds}
    others = end.machine_seconds - begin.machine_seconds - sum(ours.values())
    return Spent(
        seconds=seconds,
        cpu_seconds=ours,
        others_cores=round(max(0.0, others) / max(seconds, 1e-9), 2),
    )


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, all its threads; 0 when it is gone."""
    with suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return times.user + times.system
    return 0.0


def family_cpu_seconds(pid: int) -> float:
    """CPU time of a process and of all it has started, also of those that have ended since."""
    total = 0.0
    for member in family(pid):
        with suppress(psutil.Error):
            times = member.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def family_bytes(pid: int) -> int:
    """Memory of a process and of all it has started; what they share is counted once (PSS)."""
    total = 0
    for member in family(pid):
        with suppress(psutil.Error):
            total += member.memory_full_info().pss
    return total


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it, and those it started, have started."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def resident_bytes(pid: int) -> int:
    """Memory a process holds in RAM; 0 when it is gone."""
    with suppress(psutil.Error):
        return psutil.Process(pid).memory_info().rss
    return 0


def _machine_seconds() -> float:
    """CPU time the machine spent on processes."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system
