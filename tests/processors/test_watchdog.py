"""What counts as stuck, and that a stuck process is ended."""

import asyncio
import threading

import pytest

from processors.progress import Progress
from processors.watchdog import STUCK_SECONDS, Watchdog, complaint

NOW = 1_000.0


@pytest.mark.parametrize(
    ("progress", "stuck"),
    [
        (Progress(polled_at=NOW - 1), False),
        (Progress(polled_at=NOW - STUCK_SECONDS - 1), True),
        (Progress(polled_at=NOW - 300, batch_since=NOW - 5), False),
        (Progress(polled_at=NOW - 300, batch_since=NOW - STUCK_SECONDS - 1), True),
        (Progress(polled_at=NOW - 300, batch_since=NOW - 300, retrying=True), False),
        (Progress(polled_at=NOW, failed="KafkaException"), True),
    ],
)
def test_waiting_for_a_store_is_not_stuck_but_silence_is(progress: Progress, stuck: bool) -> None:
    assert (complaint(progress, NOW) is not None) == stuck


async def test_a_dead_source_ends_the_process_with_its_reason() -> None:
    ended: list[str] = []
    seen = threading.Event()

    def end(reason: str) -> None:
        ended.append(reason)
        seen.set()

    watchdog = Watchdog(asyncio.get_running_loop(), {"history": Progress(failed="broken")}, end)
    watchdog.start()
    assert await asyncio.to_thread(seen.wait, 10)
    watchdog.stop()
    assert ended[0] == "history: broken"
