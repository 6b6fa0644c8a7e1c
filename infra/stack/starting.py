"""Starts parts side by side, each as soon as those it needs answer.

In: parts, and somebody to tell. Out: all of them answer, or an error that names the first which
did not; then, as after Ctrl-C, the others are no longer waited for. A part that runs is left
alone. "Ready" is always the part's own answer, never a wait of some length.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from infra.errors import UserError
from infra.settings import inherited_environment
from infra.stack import inheritance, process
from infra.stack.lock import one_at_a_time
from infra.stack.part import STOPPING_FILE_NAME, OnProgress, Part, PartStatus, State, last_lines
from infra.stack.ports import is_free
from infra.stack.supervisor import orders

DISK_FREE_BYTES_MIN = 1 << 30
_POLL_SECONDS = 0.1


def start_side_by_side(
    parts: Sequence[Part], on_progress: OnProgress, *, again: bool = False
) -> None:
    """Start what does not run yet; returns when all answer.

    `again` starts what died with the settings that it was started with before, not with those of
    this process.
    """
    ready = {part.name: Event() for part in parts}
    give_up = Event()

    def start_when_possible(part: Part) -> None:
        on_progress(PartStatus(name=part.name, state=State.WAITING, port=part.port))
        try:
            for needed in part.needs:
                while not ready[needed].wait(_POLL_SECONDS):
                    if give_up.is_set():
                        return
            _start(part, on_progress, give_up, again=again)
            ready[part.name].set()
        except BaseException:
            give_up.set()
            raise

    with ThreadPoolExecutor(max_workers=len(parts)) as pool:
        try:
            for future in [pool.submit(start_when_possible, part) for part in parts]:
                future.result()
        except BaseException:  # Ctrl-C too: let the threads go, so that we can.
            give_up.set()
            raise


def require_disk(folder: Path, bytes_min: int = DISK_FREE_BYTES_MIN) -> None:
    """Refuse to start on a disk that is nearly full: the stores would stop in the middle."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < bytes_min:
        raise UserError(
            "disk_full",
            f"Only {free_bytes >> 20} MiB are free on the disk of {folder}; "
            f"the stack needs {bytes_min >> 20} MiB.",
            "Free some space on it.",
        )


def _start(part: Part, on_progress: OnProgress, give_up: Event, *, again: bool) -> None:
    record = process.read_record(part.pid_file)
    if record is not None and not process.is_alive(record):
        record = None
    began = time.monotonic()

    def report(state: State, detail: str = "") -> None:
        on_progress(
            PartStatus(
                name=part.name,
                state=state,
                port=part.port,
                pid=record.pid if record else None,
                seconds=round(time.monotonic() - began, 1),
                detail=detail,
            )
        )

    report(State.STARTING)
    try:
        if record is None or not _outlives_the_wait(part, record, give_up):
            record = _launch(part, again=again)
        _wait_until_ready(part, record, give_up)
        if not give_up.is_set():
            part.settle()
    except UserError as error:
        report(State.DIED, error.sentence)
        raise
    if part.niceness:
        process.stand_back(record, part.niceness)
    if not give_up.is_set():
        report(State.READY)


def _outlives_the_wait(part: Part, record: process.ProcessRecord, give_up: Event) -> bool:
    """Whether one that ran before we came answers; False when it was about to end, and has."""
    try:
        _wait_until_ready(part, record, give_up)
    except UserError:
        if process.is_alive(record):
            raise
        return False
    return True


def _launch(part: Part, *, again: bool) -> process.ProcessRecord:
    """Start its process, unless somebody else does at this moment."""
    part.folder.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(part.folder / "start.lock"):
        record = process.read_record(part.pid_file)
        if record is not None and process.is_alive(record):
            return record
        if not is_free(part.port):
            raise _port_taken(part)
        inherited = inherited_environment()
        if again:
            inherited = inheritance.of_the_start(part.folder, inherited)
        else:
            inheritance.keep(part.folder, inherited)
        part.prepare()
        part.pid_file.with_name(STOPPING_FILE_NAME).unlink(missing_ok=True)
        return orders.give(
            orders.Order(
                argv=part.command(),
                environment={**inherited, **part.environment},
                folder=str(part.folder),
                log_file=str(part.log_file),
                marker=str(part.folder.parent),
            )
        )


def _wait_until_ready(part: Part, record: process.ProcessRecord, give_up: Event) -> None:
    deadline = time.monotonic() + part.ready_seconds_max
    while not part.answers() and not give_up.is_set():
        if not process.is_alive(record):
            raise _part_died(part)
        if complaint := part.complaint():
            raise _part_halted(part, complaint)
        if time.monotonic() > deadline:
            raise _part_silent(part)
        time.sleep(_POLL_SECONDS)


def _part_died(part: Part) -> UserError:
    said = " | ".join(last_lines(part.log_file, 3)) or "it logged nothing"
    return UserError(
        "part_died",
        f"{part.name} ended while it was starting: {said}.",
        f"Read {part.log_file}, then run `chatlog doctor`.",
    )


def _part_halted(part: Part, complaint: str) -> UserError:
    return UserError(
        "part_halted",
        f"{part.name} is halted: {complaint}.",
        "To start it again does not help; `chatlog status` says the same.",
    )


def _part_silent(part: Part) -> UserError:
    return UserError(
        "part_silent",
        f"{part.name} runs but did not answer within {part.ready_seconds_max:.0f} s.",
        f"Read {part.log_file}, then run `chatlog down` and `chatlog up`.",
    )


def _port_taken(part: Part) -> UserError:
    return UserError(
        "port_taken",
        f"Port {part.port}, on which the other programs look for {part.name}, is taken.",
        "End what listens there, or run `chatlog down` and `chatlog up` to move to other ports.",
    )
