"""Stacks of a Python process, by py-spy, which stops it for a moment a hundred times a second.

Samples of a thread that waits are left out. What a sampler of Python cannot see is added from the
clocks of threads: the kernel's share, and librdkafka's threads.
"""

import re
import subprocess
import sys
from pathlib import Path

from bench.profile import stacks
from bench.profile.stacks import Stack
from bench.profile.threads import Clock, Clocks
from infra.errors import UserError

KERNEL = "(kernel)"

_SAMPLES_A_SECOND = 100
_MARGIN_SECONDS = 60.0
_WAITS = re.compile(
    r"^(epoll_p?wait\d?|select|p?poll|clock_nanosleep|nanosleep|sem_\w*wait|futex\w*|"
    r"pthread_cond_\w*wait|sigwait\w*|accept4?|PyThread_acquire_lock_timed|take_gil)\b"
)
_LIBC = "[libc]"
_THREAD = re.compile(r"^thread \((?P<thread>\d+)\)(: (?P<name>.*))?$")
_ADDRESS = re.compile(r"^0x[0-9a-f]+ \((?P<library>[^).]+)[^)]*\)$")
_PLACE = re.compile(r" \((?P<file>[^:()]+)(:\d+)?\)$")
_NUMBER = re.compile(r"[-_ ]*\d+|ThreadPoolExecutor")
_LOOP = "uv_run (core.c)"
_INLINED = re.compile(r"^(Py_X?DECREF|__Pyx_|__pyx_gb|uv__queue_empty|uv__loop_alive)")
"""Frames that debug information places where they are not, or that say nothing."""

_BEGINNING = ("Thread._bootstrap", "Thread.run", "__libc_start", "_start", "start_thread", "clone")
"""What every stack begins with says nothing."""


class PythonProfile:
    """A recording that goes on while it is not waited for."""

    def __init__(self, pid: int, seconds: float, file: Path) -> None:
        self._file = file
        self._seconds = seconds
        program = Path(sys.executable).parent / "py-spy"
        if not program.exists():
            raise UserError(
                "no_py_spy", "py-spy is not installed.", "Run `make setup`: it is in the dev extra."
            )
        self._process = subprocess.Popen(
            (
                program, "record", "--pid", str(pid), "--duration", str(max(1, round(seconds))),
                "--rate", str(_SAMPLES_A_SECOND), "--native", "--threads", "--format", "raw",
                "--output", str(file),
            ),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def stacks(self) -> dict[Stack, float]:
        """Wait for the end; the stacks that were busy. Raises UserError."""
        try:
            _, said = self._process.communicate(timeout=self._seconds + _MARGIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            said = self._process.communicate()[1]
        if self._process.returncode != 0:
            last = (said.strip().splitlines() or ["nothing"])[-1]
            raise UserError(
                "py_spy_failed",
                f"py-spy could not look at a process; it said: {last}",
                "Reading another process needs the right to trace it: the same user and "
                "kernel.yama.ptrace_scope=0, or root.",
            )
        return busy(stacks.parse(self._file.read_text()))


def busy(sampled: stacks.Stacks) -> dict[Stack, float]:
    """Stacks that did not wait, with frames that say the same in every process. Pure."""
    return stacks.merged(
        {(stack[0], *frames): weight}
        for stack, weight in sampled.items()
        if not _waits(frames := named(stack[1:]))
    )


def named(frames: Stack) -> Stack:
    """Frames without line numbers and addresses, from where something begins. Pure."""
    found: list[str] = []
    for frame in frames:
        if address := _ADDRESS.match(frame):
            frame = f"[{address['library']}]"
        else:
            frame = _PLACE.sub(r" (\g<file>)", frame)
        if frame == _LOOP:
            found = []
        beginning = not found and (frame == _LIBC or frame.startswith(_BEGINNING))
        if not beginning and found[-1:] != [frame] and not _INLINED.match(frame):
            found.append(frame)
    return tuple(found)


def weighed(sampled: stacks.Stacks, clocks: Clocks) -> dict[Stack, float]:
    """CPU microseconds: stacks of each thread by its clock, the kernel's share apart. Pure.

    Threads without a stack, which is all of librdkafka's, are told by their names.
    """
    parts: list[stacks.Stacks] = []
    for thread, clock in clocks.items():
        own = {
            stack: weight
            for stack, weight in sampled.items()
            if (found := _THREAD.match(stack[0])) and int(found["thread"]) == thread
        }
        python = {stack[1:]: weight for stack, weight in own.items()} or {("user space",): 1.0}
        root = _root(clock, next(iter(own), ("",))[0])
        kernel = "in the kernel" if clock.is_librdkafka else KERNEL
        parts += [
            stacks.under(root, stacks.scaled(python, clock.user_seconds * 1e6)),
            {(root, kernel): clock.kernel_seconds * 1e6},
        ]
    return stacks.merged(parts)


def _waits(frames: Stack) -> bool:
    """Whether the innermost frame that has a name is one in which a thread waits."""
    last = next((frame for frame in reversed(frames) if frame != _LIBC), "")
    return not last or _WAITS.match(last) is not None


def _root(clock: Clock, python_name: str) -> str:
    """How threads of a kind are called: librdkafka's, or by the name Python knows."""
    if clock.is_librdkafka:
        return "librdkafka's threads"
    found = _THREAD.match(python_name)
    name = (found["name"] if found else None) or "other threads"
    return _NUMBER.sub("", name).strip(" -_") or "pool"
