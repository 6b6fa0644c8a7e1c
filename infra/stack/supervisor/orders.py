"""A command asks the supervisor to start a process, so that the supervisor is its parent.

Only a parent learns with what status a process ended, and the command that starts the stack ends.
An order is a file; whoever renames it first carries it out, so none is carried out twice: when the
supervisor does not come, the command does it itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.errors import UserError
from infra.files import OWNER_ONLY, write_whole
from infra.stack import process
from infra.stack.part import PID_FILE_NAME
from infra.stack.supervisor.book import SUPERVISOR

_FILE_NAME, _TAKEN_NAME = "order.json", "order.taken"
_WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.02


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
    """Have it carried out by the supervisor if there is another process that is one."""
    supervisor = supervisor_of(Path(order.folder).parent)
    if supervisor is None or supervisor.pid == os.getpid():
        return order.carry_out()
    folder = Path(order.folder)
    before = process.read_record(folder / PID_FILE_NAME)
    write_whole(folder / _FILE_NAME, json.dumps(asdict(order)), OWNER_ONLY)
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        record = process.read_record(folder / PID_FILE_NAME)
        if record is not None and record != before:
            return record
        too_late = time.monotonic() > deadline or not process.is_alive(supervisor)
        if too_late:
            if _take(folder):
                (folder / _TAKEN_NAME).unlink(missing_ok=True)
                return order.carry_out()
            raise UserError(
                "order_lost",
                f"The supervisor took the order to start {folder.name}, and nothing came of it.",
                f"Read {folder.parent / SUPERVISOR}, then run `chatlog down` and `chatlog up`.",
            )
        time.sleep(_POLL_SECONDS)


def carry_out_all(folder: Path) -> Iterator[process.ProcessRecord]:
    """Carry out every order of an instance that nobody has taken."""
    for file in folder.glob(f"*/{_FILE_NAME}"):
        if not _take(file.parent):
            continue
        taken = file.parent / _TAKEN_NAME
        with contextlib.suppress(OSError, ValueError, TypeError):
            said = json.loads(taken.read_text())
            taken.unlink()
            yield Order(**{**said, "argv": tuple(said["argv"])}).carry_out()


def _take(folder: Path) -> bool:
    try:
        (folder / _FILE_NAME).rename(folder / _TAKEN_NAME)
    except FileNotFoundError:
        return False
    return True
