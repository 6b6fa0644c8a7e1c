"""Answers what devices ask of the stores: the shell of `processors.reader`.

Takes `chat.queries`; puts one frame an answer on the asking gateway's delivery topic. All requests
of a batch are answered side by side, a few at a time for each user, so that nobody's flood starves
others. An answer that has to wait for history does not hold up the next batch: it is finished in
the background, up to `PARKED_MAX` of them. If the process ends before, that answer is lost and the
client asks again: a question changes nothing, so it is not worth more. After a stall, of a store or
of a worker, questions are dropped whose device has long asked again or gone: to answer them would
only keep those waiting who still listen.
"""

import asyncio
from collections.abc import Sequence

import structlog

from events import frames
from events.deliveries import FramesRouted, RoutedFrame
from events.frames import ErrorCode
from events.queries import WAITING_MAX, HeadsRequested, HistoryRequested, InboxRequested
from events.topics import QUERIES
from infra.transient import is_transient
from processors.app import WorkerApp
from processors.context import Context
from processors.deliveries import deliver
from processors.reader import RETRY_AFTER_SECONDS, Reader, unavailable
from processors.received import Received

Request = HistoryRequested | InboxRequested | HeadsRequested

USER_AT_ONCE = 4
PARKED_MAX = 2_000
PATIENCE_MS = 20_000
"""A client asks again before this."""

CLOCKS_DIFFER_MS = 5 * 60_000
"""Clocks of brokers and workers agree within this."""

_ANSWER_SECONDS = 6.0
_BATCH_SECONDS = 0.25

log = structlog.get_logger()


def attach(app: WorkerApp, context: Context) -> None:
    """Attach the agent of the consumer group `queries`."""
    desk = Desk(context)

    @app.batches("queries", topics=(QUERIES,))
    async def answer_queries(batch: Sequence[Received]) -> None:
        waiting = still_waiting(batch, int(context.wall_time() * 1000))
        if len(waiting) < len(batch):
            context.telemetry.records("queries", "too_late", len(batch) - len(waiting))
        if waiting:
            await desk.take([received.event for received in waiting])  # type: ignore[misc]


def still_waiting(batch: Sequence[Received], now: int) -> list[Received]:
    """The questions that somebody may still wait for, the newest first. Pure.

    Their age is told by the broker's clock where a newer question is at hand, and otherwise by the
    worker's, which may differ.
    """
    newest = max(received.timestamp for received in batch)
    oldest = max(newest - PATIENCE_MS, now - PATIENCE_MS - CLOCKS_DIFFER_MS)
    waiting = [received for received in batch if received.timestamp >= oldest]
    return sorted(waiting, key=lambda received: -received.timestamp)


class Desk:
    """Answers requests, each user's in turn."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reader = Reader(context)
        self._users: dict[str, _Turns] = {}
        self._parked: set[asyncio.Task[None]] = set()

    async def take(self, requests: Sequence[Request]) -> None:
        """Answer requests; those that have to wait may go on when this returns."""
        tasks = {asyncio.create_task(self._answer(request)) for request in requests}
        done, waiting = await asyncio.wait(tasks, timeout=_BATCH_SECONDS)
        for task in waiting:
            self._parked.add(task)
            self._context.background.add(task)
            task.add_done_callback(self._unpark)
        for task in done:
            task.result()
        while len(self._parked) > PARKED_MAX:
            await asyncio.wait(self._parked, return_when=asyncio.FIRST_COMPLETED)

    def _unpark(self, task: "asyncio.Task[None]") -> None:
        self._parked.discard(task)
        self._context.background.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if is_transient(error):
            self._context.telemetry.records("queries", "unanswered", 1)
        else:
            log.error("could not answer", exc_info=error)
            self._context.end_process("queries met a fault")

    async def _answer(self, request: Request) -> None:
        turns = self._users.setdefault(request.user_id, _Turns())
        if turns.waiting >= WAITING_MAX:
            frame = frames.error(
                ErrorCode.RATE_LIMITED,
                "Too many questions at once.",
                request_id=request.request_id,
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        else:
            turns.waiting += 1
            try:
                frame = await self._frame(request, turns.turn)
            finally:
                turns.waiting -= 1
                if not turns.waiting:
                    self._users.pop(request.user_id, None)
        delivery = FramesRouted(
            gateway_id=request.gateway_id,
            gateway_epoch=request.gateway_epoch,
            frames=(RoutedFrame(session_ids=(request.session_id,), frame=frame),),
        )
        await deliver(self._context, "queries", [(request.gateway_id, delivery)])

    async def _frame(self, request: Request, turn: asyncio.Semaphore) -> bytes:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS), turn:
                if isinstance(request, InboxRequested):
                    return await self._reader.inbox(request)
                if isinstance(request, HeadsRequested):
                    return await self._reader.heads(request)
                return await self._reader.history(request)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("unavailable", error=f"{type(error).__name__}: {error}")
            return unavailable(request.request_id)


class _Turns:
    """How many requests of a user wait, and whose turn it is."""

    def __init__(self) -> None:
        self.waiting = 0
        self.turn = asyncio.Semaphore(USER_AT_ONCE)
