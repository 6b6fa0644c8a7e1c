"""A command asks the supervisor to start a process, so that the supervisor is its parent.

Only a parent learns with what status a process ended, and the command that starts the stack ends.
An order is a file; whoever renames it first carries it out, so none is carried out twice: when the
supervisor does not come, the command does it itself. What became of it is said by files too: a pid
file, or a note with what went wrong, which can be left on a full disk.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.errors import UserError
from infra.files import OWNER_ONLY, read_note, write_note, write_whole
from infra.stack import kept, process
from infra.stack.part import PID_FILE_NAME
from infra.stack.supervisor.book import SUPERVISOR

_FILE_NAME, _TAKEN_NAME, _FAILED_NAME = "order.json", "order.taken", "order.failed"
_WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of one order."""

    part: str
    record: process.ProcessRecord | None
    problem: str = ""
    """Why nothing was started; empty when something was."""


@dataclass(frozen=True, slots=True)
class Order:
    """A process that is to be started."""

    argv: tuple[str, ...]
    environment: dict[str, str]
    folder: str
    log_file: str
    marker: str

    def carry_out(self) -> process.ProcessRecord:
        """Start it, as a child of this process."""
        folder = Path(self.folder)
        return process.spawn(
            self.argv,
            environment=self.environment,
            folder=folder,
            log_file=Path(self.log_file),
            pid_file=folder / PID_FILE_NAME,
            marker=self.marker,
        )


def supervisor_of(folder: Path) -> process.ProcessRecord | None:
    """The living supervisor of an instance."""
    record = process.read_record(folder / SUPERVISOR / PID_FILE_NAME)
    return record if record is not None and process.is_alive(record) else None


def give(order: Order) -> process.ProcessRecord:
    """Have it carried out by the supervisor if there is another process that is one.

    Raises UserError when it could not be carried out.
    """
    folder = Path(order.folder)
    supervisor = supervisor_of(folder.parent)
    (folder / _FAILED_NAME).unlink(missing_ok=True)
    if supervisor is None or supervisor.pid == os.getpid():
        return _carry_out_here(order)
    before = process.read_record(folder / PID_FILE_NAME)
    write_whole(folder / _FILE_NAME, json.dumps(asdict(order)), OWNER_ONLY)
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        record = process.read_record(folder / PID_FILE_NAME)
        if record is not None and record != before:
            return record
        if problem := failure(folder):
            with suppress(OSError):  # one that could not be taken is not to be carried out later
                (folder / _FILE_NAME).unlink(missing_ok=True)
            raise _failed(folder, problem)
        too_late = time.monotonic() > deadline or not process.is_alive(supervisor)
        if too_late:
            if _take(folder):
                (folder / _TAKEN_NAME).unlink(missing_ok=True)
                return _carry_out_here(order)
            raise UserError(
                "order_lost",
                f"The supervisor took the order to start {folder.name}, and nothing came of it.",
                f"Read {folder.parent / SUPERVISOR}, then run `chatlog down` and `chatlog up`.",
            )
        time.sleep(_POLL_SECONDS)


class Desk:
    """Where the supervisor finds the orders of its instance."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stuck: dict[str, str] = {}
        """Why an order could not even be taken, by part; it lies there at the next look too."""

    def carry_out_all(self) -> Iterator[Carried]:
        """Carry out every order that nobody has taken. Raises nothing.

        An order that cannot be taken is told once, until the reason changes.
        """
        stuck: dict[str, str] = {}
        for file in self._folder.glob(f"*/{_FILE_NAME}"):
            part = file.parent.name
            try:
                is_ours = _take(file.parent)
            except OSError as error:
                stuck[part] = problem = problem_of(error)
                if self._stuck.get(part) != problem:
                    yield Carried(part, None, problem)
                if not failure(file.parent):  # who gave it waits for this
                    _note_failure(file.parent, problem)
                continue
            if not is_ours:
                continue
            try:
                yield Carried(part, _carry_out_taken(file.parent))
            except Exception as error:  # whatever it was, the next order is carried out
                problem = problem_of(error)
                _note_failure(file.parent, problem)
                yield Carried(part, None, problem)
        self._stuck = stuck


def failure(folder: Path) -> str:
    """Why the last order of a part could not be carried out; empty when it was."""
    return read_note(folder / _FAILED_NAME)


def problem_of(error: Exception) -> str:
    """What went wrong, in a few words: the most important first, as what is said may be cut."""
    if isinstance(error, UserError):
        return error.sentence
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    if isinstance(error, ValueError):
        return kept.why_damaged(error)
    return f"{type(error).__name__}: {error}"


def _note_failure(folder: Path, problem: str) -> None:
    with suppress(OSError):
        write_note(folder / _FAILED_NAME, problem)


def _carry_out_taken(folder: Path) -> process.ProcessRecord:
    taken = folder / _TAKEN_NAME
    try:
        order = kept.read(Order, taken)
    finally:
        taken.unlink(missing_ok=True)
    return order.carry_out()


def _carry_out_here(order: Order) -> process.ProcessRecord:
    try:
        return order.carry_out()
    except OSError as error:
        raise _failed(Path(order.folder), problem_of(error)) from error


def _failed(folder: Path, problem: str) -> UserError:
    return UserError(
        "not_started",
        f"{folder.name} could not be started: {problem}.",
        f"Fix that; {folder.parent / SUPERVISOR} has the supervisor's log.",
    )


def _take(folder: Path) -> bool:
    try:
        (folder / _FILE_NAME).rename(folder / _TAKEN_NAME)
    except FileNotFoundError:
        return False
    return True
