"""How long to wait before the next try: exponential, full jitter, never less than asked for."""

from random import Random


def backoff_seconds(
    attempt: int,
    random: Random,
    *,
    base_seconds: float,
    cap_seconds: float,
    at_least_seconds: float = 0.0,
) -> float:
    """The wait before this attempt (from 1). What the server asked for is a floor, and jittered.

    Attempt 0 is none: the floor is the wait.
    """
    if attempt == 0:
        return at_least_seconds
    ceiling = min(cap_seconds, base_seconds * 2 ** min(attempt - 1, 30))
    return at_least_seconds * random.uniform(1.0, 1.25) + random.uniform(0.0, ceiling)
