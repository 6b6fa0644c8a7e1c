"""Keeps within the rate that the server allows, so that it never has to refuse.

The generic cell rate algorithm, as the gateway has it, with a little less of both rate and burst:
on the way frames may draw together. Pure.
"""

_MARGIN = 0.9


class Pace:
    """A rate and a burst; both unlimited until the server says."""

    __slots__ = ("_interval_ms", "_tolerance_ms", "_until")

    def __init__(self) -> None:
        self._interval_ms = 0.0
        self._tolerance_ms = 0.0
        self._until = 0.0

    def allow(self, per_minute: int | None, burst: int | None) -> None:
        """What the server allows, on a fresh connection; None is no limit."""
        self._until = 0.0
        self._interval_ms = 60_000 / (per_minute * _MARGIN) if per_minute else 0.0
        self._tolerance_ms = self._interval_ms * max(1.0, (burst or 1) * _MARGIN)

    def take(self, now: int) -> float:
        """0 when one more may be sent, otherwise the milliseconds until then."""
        until = max(self._until, now) + self._interval_ms
        excess = until - now - self._tolerance_ms
        if excess > 0:
            return excess
        self._until = until
        return 0.0

    def refused(self, now: int, retry_after_seconds: float) -> None:
        """The server counts differently: nothing before it says so."""
        self._until = max(self._until, now + self._tolerance_ms + retry_after_seconds * 1000)
