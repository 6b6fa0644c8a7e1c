"""When a part that died is tried again: at once, then after ever longer waits. Pure.

In: how a part stands, what was seen of it, and when. Out: how it stands then. A part that has lived
for `CALM_SECONDS` has made up for its failures.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from infra.stack.part import PartStatus, State

WAIT_SECONDS_FIRST = 1.0
WAIT_SECONDS_MAX = 60.0
CALM_SECONDS = 60.0
AWAITED_SECONDS_MAX = 60.0
"""How long other parts wait for a server that died: its first restart may hang."""
_DOUBLINGS_MAX = 32


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one part.

    Times are of the machine's monotonic clock, which all its processes share: no wait grows or ends
    when somebody sets the time of day.
    """

    restarts: int = 0
    """How often it was started again, since the supervisor began."""
    failures: int = 0
    """How often in a row it died before it had lived for long."""
    ended_at: float | None = None
    exit_status: int | None = None
    """As it ended last: a signal is negative; None while that is not known."""
    next_try_at: float | None = None
    """When it is started again; None while it lives or is being started."""
    alive_since: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def wait_seconds(failures: int, wait_seconds_max: float = WAIT_SECONDS_MAX) -> float:
    """How long to wait before the next try, after so many failures in a row."""
    if failures <= 1:
        return 0.0
    return min(wait_seconds_max, WAIT_SECONDS_FIRST * 2.0 ** min(failures - 2, _DOUBLINGS_MAX))


def lives(standing: Standing, now: float) -> Standing:
    """It was seen alive."""
    since = now if standing.alive_since is None else standing.alive_since
    failures = 0 if now - since >= CALM_SECONDS else standing.failures
    return replace(standing, alive_since=since, failures=failures, next_try_at=None)


def died(
    standing: Standing,
    now: float,
    exit_status: int | None,
    wait_seconds_max: float = WAIT_SECONDS_MAX,
) -> Standing:
    """It was seen dead for the first time since it lived or was started."""
    failures = standing.failures + 1
    return replace(
        standing,
        failures=failures,
        ended_at=now,
        exit_status=exit_status,
        next_try_at=now + wait_seconds(failures, wait_seconds_max),
        alive_since=None,
    )


def started(standing: Standing) -> Standing:
    """It is being started again."""
    return replace(standing, restarts=standing.restarts + 1, next_try_at=None)


def is_awaited(standing: Standing, now: float) -> bool:
    """Whether others wait for this server, which is down: while its first try may still help."""
    ended_at = now if standing.ended_at is None else standing.ended_at
    return standing.failures <= 1 and now - ended_at < AWAITED_SECONDS_MAX


def with_standing(
    status: PartStatus, standing: Standing | None, seconds_since_1970: float
) -> PartStatus:
    """What a part does now, and what its supervisor knows of it.

    The number is the time of day when the monotonic clock stood at zero.
    """
    if standing is None or standing.ended_at is None:
        return status
    said = f"restarts: {standing.restarts}; {said_of_exit(standing.exit_status)}"
    next_try_at = None
    if standing.next_try_at is not None:
        next_try_at = seconds_since_1970 + standing.next_try_at
    if status.state == State.DIED and next_try_at is not None:
        said += f"; next try at {clock(next_try_at)}"
    return replace(
        status,
        detail=f"{status.detail}; {said}" if status.detail else said,
        restarts=standing.restarts,
        last_exit_status=standing.exit_status,
        next_try_at=next_try_at,
    )


def clock(at: float) -> str:
    """A time of day, as clocks here show it."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def said_of_exit(exit_status: int | None) -> str:
    """How it ended, in words."""
    if exit_status is None:
        return "how it ended is not known"
    if exit_status < 0:
        return f"ended by signal {-exit_status}"
    return f"ended with status {exit_status}"
