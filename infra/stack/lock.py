"""One at a time: a lock between processes and threads, held by whoever holds the file."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def one_at_a_time(file: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Wait until nobody else is inside; the kernel lets go of it when the holder dies.

    `on_wait` is called once when somebody is.
    """
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
