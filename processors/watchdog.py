"""Ends a process that is stuck, and says whether it is well.

A thread of its own, so it also runs when the event loop does not. A process is stuck when its loop
does not answer, when a source has failed or does not poll, or when one batch is in hand for
`STUCK_SECONDS` without being retried (a batch that waits for a store that is down is not stuck).
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping

from processors.progress import Progress

STUCK_SECONDS = 60.0
_LOOK_SECONDS = 2.0


def complaint(progress: Progress, now: float) -> str | None:
    """What is wrong with a source at a monotonic instant, or nothing. Pure."""
    if progress.failed is not None:
        return progress.failed
    if progress.stopped is not None:
        return None  # to end the process would mend nothing
    if progress.batch_since is not None:
        if not progress.retrying and now - progress.batch_since > STUCK_SECONDS:
            return f"one batch is in hand for {now - progress.batch_since:.0f} s"
        return None
    if now - progress.polled_at > STUCK_SECONDS:
        return f"has not polled for {now - progress.polled_at:.0f} s"
    return None


class Watchdog:
    """Watches a loop and sources until stopped; calls `on_stuck` with the reason."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        progress: Mapping[str, Progress],
        on_stuck: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._progress = progress
        self._on_stuck = on_stuck
        self._stopping = threading.Event()
        self._answered_at = time.monotonic()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; at once."""
        self._stopping.set()

    def complaints(self) -> list[str]:
        """Everything that is wrong now; empty when the process is well."""
        now = time.monotonic()
        found = [
            f"{group}: {what}"
            for group, progress in self._progress.items()
            if (what := complaint(progress, now)) is not None
        ]
        if now - self._answered_at > STUCK_SECONDS:
            found.append(f"the event loop has not answered for {now - self._answered_at:.0f} s")
        return found

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            self._loop.call_soon_threadsafe(self._answer)
            found = self.complaints()
            if found:
                self._on_stuck("; ".join(found))

    def _answer(self) -> None:
        self._answered_at = time.monotonic()
