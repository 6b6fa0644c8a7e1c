"""What one socket may do, and the rate limit that holds it to that. Pure: time is an argument."""

from collections.abc import Mapping

from msgspec import Struct

from edge.frames import BODY_BYTES_MAX, FRAME_BYTES_MAX


class Limits(Struct, frozen=True):
    """What one socket may do."""

    sends_per_minute: int = 600
    send_burst: int = 100
    frames_per_minute: int = 12_000
    frame_burst: int = 2_000
    in_flight: int = 256
    heartbeat_seconds: float = 30.0
    hello_seconds: float = 5.0

    def announced(self) -> Mapping[str, int]:
        """As the welcome frame tells them."""
        return {
            "body_bytes": BODY_BYTES_MAX,
            "frame_bytes": FRAME_BYTES_MAX,
            "sends_per_minute": self.sends_per_minute,
            "send_burst": self.send_burst,
            "in_flight": self.in_flight,
            "page": 100,
            "inbox": 50,
        }


class Bucket:
    """A rate and a burst, by the generic cell rate algorithm: one number of state."""

    __slots__ = ("_interval", "_tolerance", "_until")

    def __init__(self, per_minute: int, burst: int) -> None:
        self._interval = 60.0 / per_minute
        self._tolerance = self._interval * burst
        self._until = float("-inf")

    def take(self, now: float) -> float:
        """0 when one more is allowed, otherwise the seconds until it would be."""
        until = max(self._until, now) + self._interval
        excess = until - now - self._tolerance
        if excess > 1e-9:
            return excess
        self._until = until
        return 0.0
