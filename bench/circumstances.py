"""Where and when something was measured, and whether the machine was ours meanwhile."""

import os
import platform
import time

from bench.jitter import DISTURBED_SHARE


def now() -> str:
    """The time, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def machine() -> str:
    """What this machine is, in one line."""
    gibibytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return (
        f"{os.cpu_count()} cores, {gibibytes:.0f} GiB, {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def disturbances(before: float, after: float) -> list[str]:
    """What the probe of jitter says, before and after."""
    return [
        f"{when} the run a sleeper lost {share:.0%} of its time"
        for when, share in (("before", before), ("after", after))
        if share > DISTURBED_SHARE
    ]
