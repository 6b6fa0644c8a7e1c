"""Keeps within the rates that the server allows, so that it never has to refuse.

The generic cell rate algorithm, as the gateway has it, with a little less of both rate and burst:
on the way frames may draw together. A gate is a pace that several kinds of frames share. Pure.
"""

from collections.abc import Mapping

from client.effects import Effects, Wait

GATE = "gate"
"""The topic of the waits of gates."""

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

    def wait_ms(self, now: int, count: int = 1) -> float:
        """0 when so many more may be sent, otherwise the milliseconds until then."""
        until = max(self._until, now) + count * self._interval_ms
        return max(until - now - self._tolerance_ms, 0.0)

    def take(self, now: int, count: int = 1) -> float:
        """The same; what may be sent is counted."""
        wait_ms = self.wait_ms(now, count)
        if not wait_ms:
            self._until = max(self._until, now) + count * self._interval_ms
        return wait_ms

    def refused(self, now: int, retry_after_seconds: float) -> None:
        """The server counts differently: nothing before it says so."""
        self._until = max(self._until, now + self._tolerance_ms + retry_after_seconds * 1000)


class Gate:
    """A pace, and the one wait for it; whoever finds it closed tries again when it opens."""

    __slots__ = ("_name", "_waits", "pace")

    def __init__(self, name: str) -> None:
        self.pace = Pace()
        self._name = name
        self._waits = False

    def allow(self, limits: Mapping[str, int], rate: str, burst: str) -> None:
        """Begin anew, on a fresh connection, with what it announced under these names."""
        self._waits = False
        self.pace.allow(limits.get(rate), limits.get(burst))

    def passes(self, now: int, out: Effects, count: int = 1) -> bool:
        """Whether so many may be sent now; otherwise a wait is added, unless one is under way."""
        if self._waits:
            return False
        wait_ms = self.pace.take(now, count)
        if wait_ms:
            self._waits = True
            out.waits.append(Wait(GATE, self._name, 0, wait_ms / 1000))
        return not wait_ms

    def open(self) -> None:
        """The wait is over."""
        self._waits = False
