"""Questions of the application that wait for their answer: pages and inboxes, by request id."""

import asyncio
from collections.abc import Callable

from client import frames
from client.errors import ClientError, Refused, Unanswered

ANSWER_TIMEOUT_SECONDS = 15.0

Answer = frames.Page | frames.Inbox

_PASSING = frozenset({"unavailable", "rate_limited"})


class Requests:
    """The questions under way."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[Answer]] = {}

    async def ask(self, request_id: str, transmit: Callable[[], None]) -> Answer:
        """Send a question and wait for its answer. Raises Refused, Unanswered, Stopped."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = future
        transmit()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                return await future
        except TimeoutError:
            raise Unanswered("timeout", "the server did not answer in time") from None
        finally:
            self._waiting.pop(request_id, None)

    def answer(self, request_id: str, answer: Answer | frames.Error) -> None:
        """The server has answered; nobody may be waiting any more."""
        future = self._waiting.get(request_id)
        if future is None or future.done():
            return
        if not isinstance(answer, frames.Error):
            future.set_result(answer)
        elif answer.code in _PASSING:
            future.set_exception(Unanswered(answer.code, answer.detail))
        else:
            future.set_exception(Refused(answer.code, answer.detail))

    def fail(self, error: ClientError) -> None:
        """None of them will be answered."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)
