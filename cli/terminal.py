"""Standard output as every command uses it: no command is ended by it, and nothing is lost unsaid.

Whoever reads the output may leave (`chatlog … | head`), and a disk may be full. What a command does
must not stop half-way for that: the rest of the output goes nowhere, the work is done, and at the
end `run` says what was lost. A command that only tells, for as long as it is listened to, asks
`is_heard` and ends.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

_PIPE_COLUMNS = 10_000
"""Where nobody knows how wide the paper is, no line is broken."""

_HELP_COLUMNS = 100


class Output(io.RawIOBase):
    """A file descriptor whose reader may leave; `lost` says why something was not written."""

    def __init__(self, descriptor: int, lost: OSError | None = None) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.is_heard = lost is None
        self.lost = lost

    def write(self, data: Any, /) -> int:
        """Write, or drop it once that has failed."""
        view = memoryview(data).cast("B")
        done = 0
        while self.is_heard and done < len(view):
            try:
                done += os.write(self._descriptor, view[done:])
            except BlockingIOError:  # Somebody made it so, as terminals and event loops do.
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.is_heard = False
                self.lost = None if error.errno == errno.EPIPE else error
        return len(view)

    def fileno(self) -> int:
        """The descriptor; who asks may write to it past us."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether somebody looks at it."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Always."""
        return True


@contextmanager
def listening() -> Iterator[Output]:
    """Standard output as described above, until the block ends."""
    lost = _closed_are_opened()
    output = Output(1, lost)
    before = sys.stdout
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(output),
        encoding=getattr(before, "encoding", None) or "utf-8",
        errors="replace",  # A terminal that has no tick shows a question mark.
        line_buffering=output.isatty(),
    )
    try:
        yield output
    finally:
        sys.stdout.flush()
        sys.stdout = before


def is_heard() -> bool:
    """Whether anybody still reads what is printed; it is written out first."""
    sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return not isinstance(raw, Output) or raw.is_heard


def console(**options: Any) -> Console:
    """Where tables and coloured lines are printed; in a pipe no line is broken."""
    made = Console(highlight=False, **options)
    if not made.is_terminal:
        made.width = _PIPE_COLUMNS
    return made


def help_console() -> Console:
    """Where the help is printed, in frames that are as wide as the console."""
    made = Console()
    if not made.is_terminal:
        made.width = _HELP_COLUMNS
    return made


def _closed_are_opened() -> OSError | None:
    """No file of ours may take the place of a standard one that was closed (`>&-`)."""
    lost = None
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError as error:
            os.open(os.devnull, os.O_RDWR)  # The lowest that is free, which is this one.
            lost = error if descriptor == 1 else lost
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    return lost
