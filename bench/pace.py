"""When messages are due, and whose they are: open loop, decided by a seed alone. Pure.

Gaps are exponential, so arrivals are bursty as real ones are, and who sends is drawn evenly. The
schedule never looks at how the system is doing.
"""

import random
from collections.abc import Iterator


def schedule(seed: int, rate: float, seconds: float, senders: int) -> Iterator[tuple[float, int]]:
    """Each message's due time, in seconds from the start, and the number of its sender."""
    draw = random.Random(seed)
    due = draw.expovariate(rate)
    while due < seconds:
        yield due, draw.randrange(senders)
        due += draw.expovariate(rate)
