"""Running many commands for the price of one start.

`python -m tests.cli.commands` imports all commands once and runs each case that comes on its input,
a JSON line, in a fork of itself, with real file descriptors; it answers with a JSON line.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cli.__main__ import build, main
from cli.commands_page import leaves

SECONDS_MAX = 60


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Case:
    """A command to be run, and where."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    outputs: list[str]
    source: str


OUTPUTS = ("kept", "closed", "/dev/full")
"""Where the output of a command goes: to us, into a pipe that nobody reads, onto a full disk."""


class Runner:
    """Runs commands in forks of one process that has imported them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path = Path("/"),
        outputs: Sequence[str] = OUTPUTS,
        source: str = os.devnull,
    ) -> list[Done]:
        """Run a command once with each output, side by side."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        case = Case(list(arguments), dict(environment or {}), str(folder), list(outputs), source)
        print(json.dumps(asdict(case)), file=self._process.stdin, flush=True)
        return [Done(**done) for done in json.loads(self._process.stdout.readline())]


@contextmanager
def runner() -> Iterator[Runner]:
    """A runner, until the block ends."""
    with subprocess.Popen(
        (sys.executable, "-m", __name__),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdin is not None
        try:
            yield Runner(process)
        finally:
            process.stdin.close()


def _serve() -> None:
    list(leaves(build()))  # Imports everything.
    for line in sys.stdin:
        case = Case(**json.loads(line))
        begun = [_begun(case, output) for output in case.outputs]
        print(json.dumps([asdict(_ended(*one)) for one in begun]), flush=True)


def _begun(case: Case, output: str) -> tuple[int, int, int]:
    out, err = (os.memfd_create(name) for name in ("out", "err"))
    child = os.fork()
    if not child:
        _become(case, output, out, err)
    return child, out, err


def _ended(child: int, *kept: int) -> Done:
    _, waited = os.waitpid(child, 0)
    said = []
    for descriptor in kept:
        with os.fdopen(descriptor, "rb") as file:
            file.seek(0)
            said.append(file.read().decode(errors="replace"))
    return Done(os.waitstatus_to_exitcode(waited), *said)


def _become(case: Case, output: str, out: int, err: int) -> None:
    """Be the command, and end."""
    signal.alarm(SECONDS_MAX)
    os.dup2(os.open(case.source, os.O_RDONLY), 0)
    os.dup2(_opened(output, out), 1)
    os.dup2(err, 2)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
    os.chdir(case.folder)
    os.environ.update(case.environment)
    sys.argv = ["chatlog", *case.arguments]
    status: Any = 99
    try:
        main()
    except SystemExit as ended:
        status = ended.code
    finally:
        sys.stderr.flush()
        os._exit(status)


def _opened(output: str, kept: int) -> int:
    if output == "kept":
        return kept
    if output != "closed":
        return os.open(output, os.O_WRONLY)
    reading, writing = os.pipe()
    os.close(reading)
    return writing


if __name__ == "__main__":
    _serve()
