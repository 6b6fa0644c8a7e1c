"""What a watchdog and a health check may know of a source."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Progress:
    """How far a source is. Seconds are monotonic."""

    partitions: int = 0
    assigned: bool = False
    records: int = 0
    batch_since: float | None = None
    retrying: bool = False
    polled_at: float = field(default_factory=time.monotonic)
    failed: str | None = None
    stopped: str | None = None
    """Why the role has left its group, for good, and the process goes on without it."""

    def going_on(self) -> None:
        """A part of a long batch is done: for the watchdog the batch begins anew."""
        if self.batch_since is not None:
            self.batch_since = time.monotonic()
