"""What a target raises, and the limit of time within which it must be done."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SECONDS_MAX = 2.0
"""Of processor time for one input: hundreds of times what the slowest one needs."""


class Fault(AssertionError):
    """Something that must never happen, whatever the bytes."""


@contextmanager
def in_time(seconds: float | None = None) -> Iterator[None]:
    """Raise Fault when what is done here takes more of the processor's time than this."""
    seconds = SECONDS_MAX if seconds is None else seconds

    def late(number: int, frame: FrameType | None) -> None:
        raise Fault(f"not done after {seconds} s of processor time")

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def must(holds: object, sentence: str) -> None:
    """Raise Fault with this sentence unless it holds."""
    if not holds:
        raise Fault(sentence)
