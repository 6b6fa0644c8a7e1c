"""An event loop whose time stands still until it is told to pass, and which has no threads.

`settle` runs what is ready; `pass_time` goes to the next timer. Work for a thread is done at once.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any

_PASSES_MAX = 10_000


class _Nothing:
    """In place of a selector: there is nothing to wait for but time."""

    def select(self, timeout: float | None) -> list[Any]:
        return []

    def close(self) -> None:
        pass


class SimulatedLoop(asyncio.BaseEventLoop):
    """Time in seconds since the start of the world."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Nothing()
        self.now = 0.0
        self.faults: list[str] = []
        self.set_exception_handler(self._unhandled)

    def time(self) -> float:
        return self.now

    def settle(self) -> None:
        """Run everything that is ready. Raises RuntimeError when that never ends."""
        for _ in range(_PASSES_MAX):
            if not self._ready:
                return
            self._run_once()
        raise RuntimeError("something is always ready")

    def run_now(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something that waits for nothing."""
        task = self.create_task(work)
        self.settle()
        return task.result()

    def pass_time(self, seconds_max: float) -> None:
        """Go to the next timer, not further than this, and run it."""
        due = self._scheduled[0]._when if self._scheduled else self.now + seconds_max
        self.now = max(self.now, min(due, self.now + seconds_max))
        self._run_once()
        self.settle()

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if "exception" in context:  # and not what a dead process leaves behind
            self.faults.append(f"{context['message']}: {context['exception']!r}")

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass
