"""Child processes that outlive the command which started them.

Goes in: an argument list, an environment, a log file. Comes out: a record, kept in a pid file,
by which any later command finds the process again.

A record holds the start time and the boot beside the pid, so a reused pid is never taken for
ours. Each process also carries a marker in its environment, so that one whose pid file was
never written (we died in between) is still found and ended. Every process leads a session of
its own: a Ctrl-C in the terminal does not reach it, and signals go to all it started.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.files import write_whole
from infra.stack import kept

MARKER = "CHATLOG_PROCESS_OF"
LOG_BYTES_MAX = 10 << 20
_POLL_SECONDS = 0.02

_exit_statuses: dict[ProcessRecord, int] = {}
"""Of the last children that have ended: the kernel says it once."""
_EXIT_STATUSES_MAX = 256
_EXITING = 0x4
"""PF_EXITING of the kernel: the process runs nothing of its own any more."""
DYING_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One process, told apart from every other the machine has run or will run."""

    pid: int
    start_ticks: int
    boot_id: str
    started_at: float


def spawn(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log_file: Path,
    pid_file: Path,
    marker: str,
) -> ProcessRecord:
    """Start a process in a session of its own and write its pid file.

    Raises OSError, and then nothing runs.
    """
    if log_file.exists() and log_file.stat().st_size > LOG_BYTES_MAX:
        log_file.replace(log_file.with_suffix(".log.1"))
    with log_file.open("ab") as log:
        child = subprocess.Popen(
            argv,
            cwd=folder,
            env={**environment, MARKER: marker},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Whether it lives is asked of /proc, also by other commands; the handle is not needed, and
    # without this Python warns about a child that is still running when the handle goes.
    child.returncode = 0
    started = _start_ticks(child.pid)
    record = ProcessRecord(child.pid, started or 0, _boot_id(), time.time())
    try:
        write_whole(pid_file, json.dumps(asdict(record)))
    except BaseException:
        end(record, grace_seconds=0)  # nobody would find it again
        raise
    return record


def read_record(pid_file: Path) -> ProcessRecord | None:
    """Read a pid file; one that is missing or damaged is no record."""
    try:
        return kept.read(ProcessRecord, pid_file)
    except (OSError, ValueError):
        return None


def is_alive(record: ProcessRecord) -> bool:
    """Whether exactly this process still runs."""
    fields = _stat(record.pid)
    if fields is None or int(fields[19]) != record.start_ticks or record.boot_id != _boot_id():
        return False
    if _has_ended(fields):
        # A child of ours stays as a zombie until it is waited for.
        with contextlib.suppress(ChildProcessError):
            pid, status = os.waitpid(record.pid, os.WNOHANG)
            if pid:
                while len(_exit_statuses) >= _EXIT_STATUSES_MAX:
                    _exit_statuses.pop(next(iter(_exit_statuses)))
                _exit_statuses[record] = os.waitstatus_to_exitcode(status)
        return False
    return True


def wait_for_the_dying(pid_file: Path, timeout_seconds: float = DYING_SECONDS_MAX) -> None:
    """Wait while a process that was killed still holds ports and files, as a large one does."""
    record = read_record(pid_file)
    deadline = time.monotonic() + timeout_seconds
    while record is not None and _is_dying(record) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _is_dying(record: ProcessRecord) -> bool:
    fields = _stat(record.pid)
    if fields is None or not is_alive(record):
        return False
    is_exiting = fields[0] in ("Z", "X") or bool(int(fields[6]) & _EXITING)
    return is_exiting or _is_being_killed(record.pid)


def _is_being_killed(pid: int) -> bool:
    """Whether SIGKILL was sent to it and not taken yet, as when all cores are busy."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    pending = (line.split()[1] for line in lines if line.startswith(("SigPnd:", "ShdPnd:")))
    return any(int(mask, 16) & 1 << (signal.SIGKILL - 1) for mask in pending)


def exit_status(record: ProcessRecord) -> int | None:
    """With what a child of this process has ended, a signal being negative; else None."""
    return None if is_alive(record) else _exit_statuses.get(record)


def is_paused(record: ProcessRecord) -> bool:
    """Whether the process is stopped by SIGSTOP."""
    fields = _stat(record.pid)
    return fields is not None and fields[0] in ("T", "t") and is_alive(record)


def stand_back(record: ProcessRecord, niceness: int) -> None:
    """Let other processes go first, 0 to 19.

    Where Linux groups processes by session ("autogroup"), as it does for ours, which lead one each,
    a thread's own niceness counts only within its group: the group has one too.
    """
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{record.pid}/task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(task.name), niceness)
    with contextlib.suppress(OSError):
        Path(f"/proc/{record.pid}/autogroup").write_text(str(niceness))


def pause(record: ProcessRecord) -> None:
    """Stop the process in its tracks; returns when it stands still."""
    deadline = time.monotonic() + 5.0
    send(record, signal.SIGSTOP)
    while not is_paused(record) and is_alive(record) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def send(record: ProcessRecord, number: signal.Signals) -> bool:
    """Send a signal to the process and all it started; False when it is gone."""
    if not is_alive(record):
        return False
    try:
        os.killpg(record.pid, number)
    except ProcessLookupError:
        return False
    return True


def end(record: ProcessRecord, *, grace_seconds: float) -> bool:
    """Ask the process to end, then make it; returns when it is gone: whether asking was enough."""
    if grace_seconds > 0 and send(record, signal.SIGTERM):
        send(record, signal.SIGCONT)
        _wait_until_gone(record, grace_seconds)
    if send(record, signal.SIGKILL):
        _wait_until_gone(record, 10.0)
        return False
    return True


def marked(marker: str) -> Iterator[ProcessRecord]:
    """Find every living process that carries the marker, recorded or not."""
    wanted = os.fsencode(f"{MARKER}={marker}")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        ticks = _start_ticks(int(entry.name))
        if ticks is not None and wanted in variables:
            yield ProcessRecord(int(entry.name), ticks, _boot_id(), 0.0)


def end_marked(marker: str) -> int:
    """Kill what `marked` finds, one by one; says how many there were."""
    count = 0
    for record in list(marked(marker)):
        if is_alive(record):
            with contextlib.suppress(ProcessLookupError):
                os.kill(record.pid, signal.SIGKILL)
            _wait_until_gone(record, 10.0)
            count += 1
    return count


def seconds_alive(record: ProcessRecord) -> float:
    """How long the process has run, by the clock of the kernel that its start was read from."""
    uptime = time.clock_gettime(time.CLOCK_BOOTTIME)
    return max(0.0, uptime - record.start_ticks / os.sysconf("SC_CLK_TCK"))


def resident_bytes(pid: int) -> int:
    """Memory the process holds in RAM, 0 when it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _wait_until_gone(record: ProcessRecord, timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while is_alive(record) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/<pid>/stat from the state on (the name before it may hold anything)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None when it has ended."""
    fields = _stat(pid)
    if fields is None or _has_ended(fields):
        return None
    return int(fields[19])


def _has_ended(fields: list[str]) -> bool:
    """Whether all threads are gone: only then are its ports free, its files closed.

    The first thread of a killed JVM is a zombie a while before the others are.
    """
    state, threads = fields[0], int(fields[17])
    return state in ("Z", "X") and threads <= 1


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
