"""What processes spend: CPU time and memory, read from /proc.

CPU is of all threads, user and system, in ticks of 10 ms: over half a minute that is exact enough.
What the whole machine spent, less what is ours, is what others took from us.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

OTHERS_CORES_MAX = 0.1
"""More than this taken by other programs, and latencies say little."""

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


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
        machine_seconds=_machine_seconds(Path("/proc/stat").read_text()),
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
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND if fields else 0.0


def family_cpu_seconds(pid: int) -> float:
    """CPU time of a process and of all it has started, also of those that have ended since."""
    ticks = 0
    for member in family(pid):
        fields = _stat(member)
        ticks += sum(map(int, fields[11:15])) if fields else 0
    return ticks / _TICKS_A_SECOND


def family_bytes(pid: int) -> int:
    """Memory of a process and of all it has started; what they share is counted once (PSS)."""
    total = 0
    for member in family(pid):
        try:
            rollup = Path(f"/proc/{member}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(
            int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")
        )
    return total


def family(pid: int) -> Iterator[int]:
    """A process and all that it, and those it started, have started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        fields = _stat(int(entry.name)) if entry.name.isdigit() else None
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for member in found:
        yield member
        found += children.get(member, [])


def resident_bytes(pid: int) -> int:
    """Memory a process holds in RAM; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/<pid>/stat from the state on; None when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _machine_seconds(stat: str) -> float:
    """CPU time the machine spent on processes, from the first line of /proc/stat."""
    user, nice, system = (int(field) for field in stat.split(None, 4)[1:4])
    return (user + nice + system) / _TICKS_A_SECOND
