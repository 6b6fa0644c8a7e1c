"""What a long-lived event loop is spared, once its process has started."""

import gc
import sys

_SWITCH_SECONDS = 0.001


def spare_the_loop() -> None:
    """Keep the garbage collector and other threads from holding up the loop.

    A full collection walks every object that lives, of every socket or conversation: for a second
    nothing moves. What lives long here leaves no cycles when it ends, so only young objects are
    collected. And a thread that has something to do gets its turn within a millisecond of a busy
    loop.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 1_000_000_000)
    sys.setswitchinterval(_SWITCH_SECONDS)
