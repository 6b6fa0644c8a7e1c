"""Looks after the parts of a stack in a thread: starts again what died, and says how each stands.

A part is left alone while it is held, and when it is not wanted: by default one that was stopped.
Whatever goes wrong, as on a full disk, is logged and said, and the next look comes all the same.
Programs of ours wait for the first try of a server that died; for a lone broker they wait until it
runs, as its groups are looked at before any of them has joined one (ADR 0018).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import structlog

from infra.errors import UserError
from infra.stack import process
from infra.stack.servers import server_names
from infra.stack.stack import Stack
from infra.stack.supervisor import orders
from infra.stack.supervisor import standing as standings
from infra.stack.supervisor.standing import Standing

LOOK_SECONDS = 0.25
_THREADS = 16

log = structlog.get_logger()

Standings = Mapping[str, Standing]


class Supervisor:
    """Looks after every part of a stack.

    `on_restart` is told the name of what is started again, `on_failure` why that did not work, and
    `on_change` how all parts stand; one that raises is told again. `on_trouble` is told what keeps
    the supervisor from its work, and "" when nothing does any more. `is_wanted` says whether a part
    that does not run should.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        on_restart: Callable[[str], None] = lambda name: None,
        on_failure: Callable[[str, str], None] = lambda name, why: None,
        on_change: Callable[[Standings], None] = lambda standings: None,
        on_trouble: Callable[[str], None] = lambda trouble: None,
        is_wanted: Callable[[str], bool] | None = None,
        wait_seconds_max: float = standings.WAIT_SECONDS_MAX,
    ) -> None:
        self._stack = stack
        self._on_restart, self._on_failure, self._on_change = on_restart, on_failure, on_change
        self._on_trouble = on_trouble
        self._is_wanted = is_wanted or stack.is_wanted
        self._wait_seconds_max = wait_seconds_max
        self._standings: dict[str, Standing] = {}
        self._told: dict[str, Standing] | None = None
        """What `on_change` was told last."""
        self._trouble: str | None = None
        self._held: set[str] = set()
        self._starting: set[str] = set()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="supervisor")

    def start(self) -> None:
        """Begin to watch, in a thread of its own."""
        threading.Thread(target=self.watch, name="supervisor", daemon=True).start()

    def stop(self) -> None:
        """Watch no more; what is being started goes on."""
        self._stopping.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def hold(self, name: str) -> None:
        """Leave the part alone, whatever becomes of it; returns when no start is under way."""
        with self._changed:
            self._held.add(name)
            self._changed.wait_for(lambda: name not in self._starting)

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
        record = process.read_record(self._stack.pid_file(name))
        return record is not None and process.is_alive(record)

    def watch(self) -> None:
        """Look again and again, until stopped."""
        while not self._stopping.wait(LOOK_SECONDS):
            trouble = ""
            try:
                self.look(time.monotonic())
            except Exception as error:  # a full disk, a damaged file: it may be mended meanwhile
                trouble = orders.problem_of(error)
            self._say_trouble(trouble)

    def _say_trouble(self, trouble: str) -> None:
        """Say it once, not with each look."""
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble:
            log.warning("the supervisor cannot do its work", why=trouble)
        self._on_trouble(trouble)

    def look(self, now: float) -> None:
        """See how each part is, and start what is due; `now` is of the monotonic clock."""
        names = self._stack.names()
        down = [name for name in names if self._is_down(name, now)]
        brokers = self._stack.broker_names()
        servers = set(server_names(self._stack.brokers))
        awaited = {
            name
            for name in servers & {*down, *self._starting}
            if standings.is_awaited(self._standings[name], now) or brokers == (name,)
        }
        for name in down:
            due = self._standings[name].next_try_at
            if name in self._starting or due is None or due > now:
                continue
            if name not in servers and awaited:
                continue
            self._restart(name)
        if self._standings != self._told:
            told = dict(self._standings)
            self._on_change(told)
            self._told = told

    def _is_down(self, name: str, now: float) -> bool:
        """Whether it is to be started again; keeps its standing."""
        known = self._standings.get(name, Standing())
        if name in self._starting:
            return False
        if self.lives(name):
            self._standings[name] = standings.lives(known, now)
            return False
        if name in self._held or not self._is_wanted(name):
            return False
        if known.next_try_at is None:
            record = process.read_record(self._stack.pid_file(name))
            status = None if record is None else process.exit_status(record)
            known = standings.died(known, now, status, self._wait_seconds_max)
            log.warning(
                "a part has died",
                part=name,
                how=standings.said_of_exit(status),
                next_try_in_seconds=round((known.next_try_at or now) - now, 1),
            )
        self._standings[name] = known
        return True

    def _restart(self, name: str) -> None:
        with self._changed:
            if name in self._held or self._stopping.is_set():
                return
            self._starting.add(name)
        self._standings[name] = standings.started(self._standings[name])
        log.info("a part is started again", part=name, restarts=self._standings[name].restarts)
        try:
            self._on_restart(name)
            self._threads.submit(self._start, name)
        except BaseException:  # no more threads
            self._is_started(name)
            raise

    def _start(self, name: str) -> None:
        try:
            if not self._is_wanted(name):
                return
            self._stack.start_again(name)
            if self._stack.broker_names() == (name,):
                self._stack.mend_groups()
        except UserError as error:
            log.warning("a part did not start", part=name, why=error.sentence)
            self._on_failure(name, error.sentence)
        except Exception as error:
            log.exception("a part could not be started", part=name)
            self._on_failure(name, orders.problem_of(error))
        finally:
            self._is_started(name)

    def _is_started(self, name: str) -> None:
        with self._changed:
            self._starting.discard(name)
            self._changed.notify_all()
