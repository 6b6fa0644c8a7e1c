"""What a socket and a user may do, and the rates that hold them to it. Pure: time is an argument.

A rate is kept by the generic cell rate algorithm: one number of state, the time at which the
allowance is whole again. `Bucket` is one of them; `Rates` holds one for each of many keys, such as
users or addresses, and only for keys whose allowance is not whole.
"""

from collections.abc import Mapping

from msgspec import Struct

from edge.frames import BODY_BYTES_MAX, FRAME_BYTES_MAX
from events.queries import UNREAD_MAX

KEYS_MAX = 100_000
"""Keys whose allowance is not whole; more of them share one."""

_THE_REST = ""

_FORGET_SECONDS = 1.0
"""Between two looks for keys that may be forgotten: each looks at all of them."""


class Limits(Struct, frozen=True):
    """What may be done: messages and questions by a user, anything else by a socket."""

    sends_per_minute: int = 100
    send_burst: int = 50
    queries_per_minute: int = 600
    query_burst: int = 300
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
            "unread": UNREAD_MAX,
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
        wait_seconds = _beyond(until - now, self._tolerance)
        if not wait_seconds:
            self._until = until
        return wait_seconds


class Rates:
    """A rate and a burst for each of many keys."""

    __slots__ = ("_forget_at", "_interval", "_keys_max", "_tolerance", "_until")

    def __init__(self, per_minute: float, burst: int, keys_max: int = KEYS_MAX) -> None:
        self._interval = 60.0 / per_minute
        self._tolerance = self._interval * burst
        self._keys_max = keys_max
        self._forget_at = float("-inf")
        self._until: dict[str, float] = {}

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._until)

    def take(self, key: str, now: float) -> float:
        """0 when one more is allowed, otherwise the seconds until it would be."""
        wait_seconds = self.wait_seconds(key, now)
        if not wait_seconds:
            key = self._known(key, now)
            self._until[key] = max(self._until.get(key, now), now) + self._interval
        return wait_seconds

    def wait_seconds(self, key: str, now: float) -> float:
        """The same without taking it."""
        until = self._until.get(self._known(key, now), now)
        return _beyond(max(until, now) + self._interval - now, self._tolerance)

    def _known(self, key: str, now: float) -> str:
        """The key, or the one that those share for whom there is no room."""
        if key in self._until or len(self._until) < self._keys_max:
            return key
        if now >= self._forget_at:
            self._forget_at = now + _FORGET_SECONDS
            self._until = {known: until for known, until in self._until.items() if until > now}
        return key if len(self._until) < self._keys_max else _THE_REST


def _beyond(taken_seconds: float, tolerance: float) -> float:
    """By how much what is taken passes what may be; 0 when it does not, but for rounding."""
    excess = taken_seconds - tolerance
    return excess if excess > 1e-9 else 0.0


class UserRates:
    """What users may do, whichever of their sockets they use; shared by all sessions."""

    __slots__ = ("queries", "sends")

    def __init__(self, limits: Limits) -> None:
        self.sends = Rates(limits.sends_per_minute, limits.send_burst)
        self.queries = Rates(limits.queries_per_minute, limits.query_burst)
