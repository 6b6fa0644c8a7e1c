"""A live table of parts on a terminal; plain lines anywhere else.

`with progress() as report: …` gives a function that takes a `PartStatus`, from any thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from infra.stack.part import PartStatus, State

Report = Callable[[PartStatus], None]

_COLOURS = {
    State.READY: "green",
    State.STARTING: "yellow",
    State.DIED: "red",
    State.SILENT: "red",
    State.PAUSED: "red",
}


@contextmanager
def progress() -> Iterator[Report]:
    """Show each part's newest status until the block ends."""
    console = Console(highlight=False)
    rows = _Rows()
    if not console.is_terminal:
        yield lambda status: rows.set(status, then=lambda: _print_line(status))
        return
    with Live(get_renderable=rows.table, console=console, refresh_per_second=8):
        yield rows.set


def line_of(status: PartStatus) -> str:
    """One status as one line of text."""
    port = str(status.port or "")
    seconds = "" if status.seconds is None else f"{status.seconds:.1f} s"
    return f"{status.name:<12} {status.state:<9} {port:>5} {seconds:>9}  {status.detail}".rstrip()


def _print_line(status: PartStatus) -> None:
    if status.state != State.WAITING:
        print(line_of(status), flush=True)


class _Rows:
    """The newest status of each part; several threads write it, the live display reads it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, tuple[PartStatus, float]] = {}

    def set(self, status: PartStatus, then: Callable[[], None] = lambda: None) -> None:
        with self._lock:
            self._rows[status.name] = (status, time.monotonic())
            then()

    def table(self) -> Table:
        table = Table("part", "state", "port", "seconds", "", box=None, pad_edge=False)
        with self._lock:
            rows = list(self._rows.values())
        for status, since in rows:
            seconds = status.seconds
            if seconds is not None and status.state == State.STARTING:
                seconds += time.monotonic() - since
            table.add_row(
                status.name,
                f"[{_COLOURS.get(status.state, 'default')}]{status.state}[/]",
                str(status.port or ""),
                "" if seconds is None else f"{seconds:.1f}",
                status.detail,
            )
        return table
