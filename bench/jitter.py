"""Whether the machine is ours: a sleeper that wakes often and sees how much time it lost.

It costs next to nothing. On a quiet machine it loses a percent or two; above five, latencies say
more about the neighbours than about us.
"""

import time

DISTURBED_SHARE = 0.05

_NAP_SECONDS = 0.002
_GRACE_SECONDS = 0.001


def lost_share(seconds: float = 2.0) -> float:
    """The share of time by which naps were longer than asked for, beyond a millisecond each."""
    began = time.perf_counter()
    lost = 0.0
    now = began
    while now < began + seconds:
        time.sleep(_NAP_SECONDS)
        woken = time.perf_counter()
        lost += max(0.0, woken - now - _NAP_SECONDS - _GRACE_SECONDS)
        now = woken
    return round(lost / (now - began), 3)
