"""The supervisor as a process of an instance: started, ended, and asked how it is."""

from __future__ import annotations

import sys
from pathlib import Path

from infra.settings import inherited_environment
from infra.stack import process
from infra.stack.part import PID_FILE_NAME, PartStatus, State
from infra.stack.supervisor import book, orders
from infra.stack.supervisor.book import SUPERVISOR

_END_SECONDS = 5.0


def ensure(folder: Path, jars: Path, *, quick: bool) -> None:
    """Start it, unless it runs."""
    if orders.supervisor_of(folder) is not None:
        return
    place = folder / SUPERVISOR
    place.mkdir(exist_ok=True)
    options = ["--quick"] if quick else []
    process.spawn(
        [sys.executable, "-m", "infra.stack.supervisor", str(folder), str(jars), *options],
        environment=inherited_environment(),
        folder=place,
        log_file=place / "service.log",
        pid_file=place / PID_FILE_NAME,
        marker=str(folder),
    )


def end(folder: Path) -> None:
    """End it before the parts are, so that it starts none of them again."""
    if (record := orders.supervisor_of(folder)) is not None:
        process.end(record, grace_seconds=_END_SECONDS)
    (folder / SUPERVISOR / PID_FILE_NAME).unlink(missing_ok=True)


def status(folder: Path) -> list[PartStatus]:
    """How it is; nothing where there is none."""
    record = process.read_record(folder / SUPERVISOR / PID_FILE_NAME)
    if record is None:
        return []
    if not process.is_alive(record):
        detail = "ended by itself or was killed; what dies now stays down"
        return [PartStatus(name=SUPERVISOR, state=State.DIED, detail=detail)]
    state, detail = State.READY, book.trouble(folder)
    if process.is_paused(record):
        state, detail = State.PAUSED, "stopped by SIGSTOP"
    elif detail:
        state = State.HALTED
    return [
        PartStatus(
            name=SUPERVISOR,
            state=state,
            detail=detail,
            pid=record.pid,
            seconds=round(process.seconds_alive(record), 1),
            resident_bytes=process.resident_bytes(record.pid),
        )
    ]
