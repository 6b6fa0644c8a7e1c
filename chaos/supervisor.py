"""Starts again what died, as systemd or Kubernetes would; leaves alone what a fault keeps down."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from chaos.history import Recorder, Restarted
from infra.errors import UserError
from infra.stack import process
from infra.stack.stack import Stack

_LOOK_SECONDS = 0.5
_AGAIN_SECONDS = 1.0


class Supervisor:
    """Looks after every part of a stack; each start is recorded."""

    def __init__(self, stack: Stack, recorder: Recorder) -> None:
        self._stack = stack
        self._recorder = recorder
        self._held: set[str] = set()
        self._starting: dict[str, asyncio.Task[None]] = {}
        self._threads = ThreadPoolExecutor(16)
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Watch no more."""
        tasks = [*self._starting.values(), *([self._watching] if self._watching else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def hold(self, name: str) -> None:
        """Leave the part alone, whatever becomes of it; returns when no start is under way."""
        self._held.add(name)
        if starting := self._starting.get(name):
            await asyncio.gather(starting, return_exceptions=True)

    def release(self, name: str) -> None:
        """Look after the part again."""
        self._held.discard(name)

    def release_all(self) -> None:
        """Look after every part again."""
        self._held.clear()

    def everything_lives(self) -> bool:
        """Whether every part runs and none is being started."""
        return not self._starting and all(self.lives(name) for name in self._stack.names())

    def lives(self, name: str) -> bool:
        """Whether the part's process runs."""
        record = process.read_record(self._stack.part(name).pid_file)
        return record is not None and process.is_alive(record)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for name in self._stack.names():
                if name in self._held or name in self._starting or self.lives(name):
                    continue
                self._starting[name] = asyncio.create_task(self._start(name))

    async def _start(self, name: str) -> None:
        self._recorder.add(Restarted(self._recorder.now(), name))
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._threads, self._stack.start_part, name)
        except UserError as error:
            self._recorder.say(f"{name} did not start: {error.sentence}")
            await asyncio.sleep(_AGAIN_SECONDS)
        finally:
            del self._starting[name]
