"""Servers of other people as parts in a folder of their own, with an end that is certain.

In: a folder and parts. Out: all of them answer; at the end none is left, also on Ctrl-C, and also
those that an earlier, killed run had left in the folder.
"""

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.errors import UserError
from infra.settings import inherited_environment
from infra.stack import process
from infra.stack.part import OnProgress, Part, PartStatus, State
from infra.stack.starting import require_disk, start_side_by_side

_SAID_CHARACTERS = 400


def clear(folder: Path) -> None:
    """End what runs in the folder, and delete it."""
    process.end_marked(str(folder))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


@contextmanager
def running(parts: Sequence[Part], on_progress: OnProgress) -> Iterator[dict[str, int]]:
    """Start parts of one folder; the process of each, by name. Those that need others end first."""
    folder = parts[0].folder.parent
    require_disk(folder)
    try:
        start_side_by_side(parts, on_progress)
        records = {part.name: process.read_record(part.pid_file) for part in parts}
        yield {name: record.pid for name, record in records.items() if record}
    finally:
        for part in reversed(parts):
            record = process.read_record(part.pid_file)
            if record is not None:
                process.end(record, grace_seconds=part.stop_seconds_max)
                on_progress(PartStatus(name=part.name, state=State.STOPPED))
        process.end_marked(str(folder))


def run(
    *argv: str, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> str:
    """Run a program to its end; what it said. Raises UserError when it fails."""
    done = subprocess.run(
        argv,
        env={**inherited_environment(), **(environment or {})},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-_SAID_CHARACTERS:]
        raise UserError(
            "peer_command_failed",
            f"{Path(argv[0]).name} ended with status {done.returncode}: {said}.",
            "Read what it says; the folder of the comparison is kept.",
        )
    return done.stdout
