"""Clocks of the threads of a process, read from /proc: exact where a sampler cannot look.

librdkafka's threads run no Python, so a sampler of Python does not see them; they carry names.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_LIBRDKAFKA = "rdk:"


class Clock(Struct, frozen=True):
    """CPU time of a thread."""

    name: str
    user_seconds: float
    kernel_seconds: float

    @property
    def is_librdkafka(self) -> bool:
        """Whether it is one of librdkafka's."""
        return self.name.startswith(_LIBRDKAFKA)


Clocks = Mapping[int, Clock]
"""By the id of the thread."""


def clocks(pid: int) -> Clocks:
    """The clock of each thread that lives; none when the process is gone."""
    found = {}
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            name = (task / "comm").read_text().strip()
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            user, kernel = int(fields[11]), int(fields[12])
            found[int(task.name)] = Clock(name, user / _TICKS_A_SECOND, kernel / _TICKS_A_SECOND)
    except OSError:  # A thread ended as we looked.
        pass
    return found


def spent(begin: Clocks, end: Clocks) -> Clocks:
    """What each thread that lives in the end spent in between. Pure."""
    found = {}
    for thread, now in end.items():
        before = begin.get(thread, Clock(now.name, 0.0, 0.0))
        found[thread] = Clock(
            now.name,
            now.user_seconds - before.user_seconds,
            now.kernel_seconds - before.kernel_seconds,
        )
    return found
