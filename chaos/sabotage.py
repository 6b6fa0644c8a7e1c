"""A worker that makes a mistake: `python -m chaos.sabotage <mistake> <roles…>`.

The program is the real one; one step of every agent is wrapped. `die-<step>` is SIGKILL at that
step, once; `raise-once`, `raise-always` and `slow-once` are in the handler; `raise-assigned` is
where partitions arrive. What happens once leaves a file in the working directory, so that the
process which is started in its place does not do it again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from processors import __main__ as program
from processors.guard import Guard
from processors.partitions import Partitions
from processors.source import Source

STEPS = ("before-effect", "after-effect", "before-commit", "after-commit")
SPENT_FILE_NAME = "mistake.made"

_AFTER_RECORDS = 40
_SLOW_SECONDS = 8.0


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise() -> None:
    raise RuntimeError("a mistake that was planted")


class _Once:
    """Does something once, after some records, also over restarts of the process."""

    def __init__(self, what: Callable[[], None]) -> None:
        self._what = what
        self._seen = 0

    def is_due(self, records: int) -> bool:
        """Whether it is to happen now; true once."""
        self._seen += records
        if self._seen < _AFTER_RECORDS or Path(SPENT_FILE_NAME).exists():
            return False
        Path(SPENT_FILE_NAME).touch()
        return True

    def __call__(self, records: int) -> None:
        if self.is_due(records):
            self._what()


def _in_handler(before: Callable[[int], Any], after: Callable[[int], Any]) -> None:
    handle = Guard._handle

    async def wrong(self: Guard, batch: Any) -> Any:
        waiting = before(len(batch))
        if waiting is not None:
            await waiting
        confirmation = await handle(self, batch)
        after(len(batch))
        return confirmation

    Guard._handle = wrong  # type: ignore[method-assign]


def _around_commit(before: Callable[[int], None], after: Callable[[int], None]) -> None:
    acknowledge = Source._acknowledge

    def wrong(self: Source, handled: Any) -> None:
        before(handled.records)
        acknowledge(self, handled)
        after(handled.records)

    Source._acknowledge = wrong  # type: ignore[method-assign]


def _nothing(records: int) -> None:
    """What happens at the other step."""


def plant(mistake: str) -> None:
    """Wrap the step. Raises ValueError when there is no such mistake."""
    dies, raises, slow = _Once(_die), _Once(_raise), _Once(lambda: None)

    async def wait() -> None:
        await asyncio.sleep(_SLOW_SECONDS)

    match mistake:
        case "die-before-effect":
            _in_handler(dies, _nothing)
        case "die-after-effect":
            _in_handler(_nothing, dies)
        case "die-before-commit":
            _around_commit(dies, _nothing)
        case "die-after-commit":
            _around_commit(_nothing, dies)
        case "raise-once":
            _in_handler(raises, _nothing)
        case "raise-always":
            _in_handler(lambda records: _raise(), _nothing)
        case "raise-assigned":

            def fails(self: Partitions, partitions: Any) -> Any:
                return _raise()

            Partitions._committed = fails  # type: ignore[method-assign]
        case "slow-once":
            _in_handler(lambda records: wait() if slow.is_due(records) else None, _nothing)
        case _:
            raise ValueError(f"there is no mistake {mistake!r}")


if __name__ == "__main__":
    plant(sys.argv[1])
    sys.exit(program.main(sys.argv[2:]))
