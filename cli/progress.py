"""A live table of parts on a terminal; plain lines anywhere else.

`with progress() as report: …` gives a function that takes a `PartStatus`, from any thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from rich.live import Live
from rich.text import Text

from cli import table, terminal
from events.text import on_one_line
from infra.stack.part import PartStatus, State

Report = Callable[[PartStatus], None]

HEAD = ("part", "state", "port", "seconds", "")

_COLOURS = {
    State.READY: "green",
    State.STARTING: "yellow",
    State.DIED: "red",
    State.SILENT: "red",
    State.HALTED: "red",
    State.PAUSED: "red",
}


@contextmanager
def progress() -> Iterator[Report]:
    """Show each part's newest status until the block ends."""
    console = terminal.console()
    rows = _Rows(console.width)
    if not console.is_terminal:
        yield lambda status: rows.set(status, then=lambda: _print_line(status))
        return
    with Live(get_renderable=rows.table, console=console, refresh_per_second=8):
        yield rows.set


def line_of(status: PartStatus) -> str:
    """One status as one line of text."""
    name, state, port, seconds, detail = cells_of(status)
    return on_one_line(f"{name:<12} {state:<9} {port:>5} {seconds:>9}  {detail}".rstrip())


def cells_of(status: PartStatus) -> tuple[str, str, str, str, str]:
    """One status as a row of a table; what is wrong and has a remedy is told by its sentence."""
    seconds = "" if status.seconds is None else f"{status.seconds:.1f} s"
    detail = "" if status.remedy and status.state != State.STARTING else status.detail
    return status.name, str(status.state), str(status.port or ""), seconds, detail


def _print_line(status: PartStatus) -> None:
    if status.state != State.WAITING:
        print(line_of(status), flush=True)


class _Rows:
    """The newest status of each part; several threads write it, the live display reads it."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._lock = threading.Lock()
        self._rows: dict[str, tuple[PartStatus, float]] = {}

    def set(self, status: PartStatus, then: Callable[[], None] = lambda: None) -> None:
        with self._lock:
            self._rows[status.name] = (status, time.monotonic())
            then()

    def table(self) -> Text:
        with self._lock:
            rows = list(self._rows.values())
        statuses = [
            replace(status, seconds=status.seconds + time.monotonic() - since)
            if status.seconds is not None and status.state == State.STARTING
            else status
            for status, since in rows
        ]
        made = table.lines(HEAD, map(cells_of, statuses), right={2, 3}, columns=self._columns)
        text = Text("\n".join(made))
        for state, colour in _COLOURS.items():
            text.highlight_words([f" {state} "], colour)
        return text
