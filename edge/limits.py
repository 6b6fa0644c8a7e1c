"""What a socket and a user may do, and the rates that hold them to it. Pure: time is an argument.

A rate is kept by the generic cell rate algorithm: one number of state, the time at which the
allowance is whole again. `Bucket` is one of them; `Rates` holds one for each of many keys, such as
users or addresses, and only for keys whose allowance is not whole.
"""

from collections.abc import Mapping

from msgspec import Struct

from edge.features.messages import BODY_BYTES_MAX
from edge.features.receipts import MARKS_MAX
from edge.frames import FRAME_BYTES_MAX
from events.queries import INBOX_MAX, PAGE_MAX, UNREAD_MAX, WAITING_MAX

KEYS_MAX = 100_000
"""Keys whose allowance is not whole; more of them share one."""

_THE_REST = ""

_FORGET_SECONDS = 1.0
"""Between two looks for keys that may be forgotten: each looks at all of them."""


MEANINGS = {
    "body_bytes": "Bytes of UTF-8 in the body of a message.",
    "frame_bytes": "Bytes in a client frame.",
    "sends_per_minute": "Messages per user, all devices together; beyond it `rate_limited`.",
    "send_burst": "Messages per user at once.",
    "queries_per_minute": "Queries per user (`fetch`, `inbox`, `heads`).",
    "query_burst": "Queries per user at once.",
    "questions": "Queries of a user that wait for an answer.",
    "marks_per_minute": "Watermarks per user, whichever frames carry them.",
    "mark_burst": "Watermarks per user at once.",
    "marks": "Watermarks in one `marks` frame.",
    "opens_per_minute": "Sessions that a user opens (4008 says when to retry).",
    "open_burst": "Sessions that a user opens at once.",
    "renewals_per_minute": "Fresh tokens (`token`) per socket.",
    "renewal_burst": "Fresh tokens per socket at once.",
    "mistakes_per_minute": "Frames with invalid contents per socket; beyond it, it is closed.",
    "mistake_burst": "Frames with invalid contents per socket at once.",
    "frames_per_minute": "Frames of any kind per socket; beyond it the socket is closed.",
    "frame_burst": "Frames of any kind per socket at once.",
    "in_flight": "Messages, queries and `marks` of a socket that the log has not confirmed.",
    "page": "Facts in one page.",
    "inbox": "Conversations in one inbox page; `next` leads to the next page.",
    "unread": "Unread messages are counted up to this number, which means that many or more.",
}
"""What the welcome announces, and what it means: everything that is enforced on frames."""


class Limits(Struct, frozen=True):
    """What may be done: messages, questions and watermarks by a user, the rest by a socket.

    Mistakes are frames that are answered with an error for what they hold; renewals are tokens.
    """

    sends_per_minute: int = 100
    send_burst: int = 50
    opens_per_minute: int = 60
    open_burst: int = 60
    queries_per_minute: int = 600
    query_burst: int = 300
    marks_per_minute: int = 12_000
    mark_burst: int = 2_000
    renewals_per_minute: int = 30
    renewal_burst: int = 20
    mistakes_per_minute: int = 120
    mistake_burst: int = 60
    frames_per_minute: int = 12_000
    frame_burst: int = 2_000
    in_flight: int = 256
    heartbeat_seconds: float = 30.0
    hello_seconds: float = 5.0
    register_seconds: float = 10.0

    def announced(self) -> Mapping[str, int]:
        """As the welcome frame tells them."""
        return {
            "body_bytes": BODY_BYTES_MAX,
            "frame_bytes": FRAME_BYTES_MAX,
            "sends_per_minute": self.sends_per_minute,
            "send_burst": self.send_burst,
            "opens_per_minute": self.opens_per_minute,
            "open_burst": self.open_burst,
            "queries_per_minute": self.queries_per_minute,
            "query_burst": self.query_burst,
            "questions": WAITING_MAX,
            "marks_per_minute": self.marks_per_minute,
            "mark_burst": self.mark_burst,
            "marks": min(MARKS_MAX, self.mark_burst),
            "renewals_per_minute": self.renewals_per_minute,
            "renewal_burst": self.renewal_burst,
            "mistakes_per_minute": self.mistakes_per_minute,
            "mistake_burst": self.mistake_burst,
            "frames_per_minute": self.frames_per_minute,
            "frame_burst": self.frame_burst,
            "in_flight": self.in_flight,
            "page": PAGE_MAX,
            "inbox": INBOX_MAX,
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

    def take(self, key: str, now: float, count: int = 1) -> float:
        """0 when so many more are allowed, otherwise the seconds until they would be."""
        wait_seconds = self.wait_seconds(key, now, count)
        if not wait_seconds:
            key = self._known(key, now)
            self._until[key] = max(self._until.get(key, now), now) + count * self._interval
        return wait_seconds

    def wait_seconds(self, key: str, now: float, count: int = 1) -> float:
        """The same without taking it."""
        until = self._until.get(self._known(key, now), now)
        return _beyond(max(until, now) + count * self._interval - now, self._tolerance)

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

    __slots__ = ("marks", "opens", "queries", "sends")

    def __init__(self, limits: Limits) -> None:
        self.sends = Rates(limits.sends_per_minute, limits.send_burst)
        self.queries = Rates(limits.queries_per_minute, limits.query_burst)
        self.opens = Rates(limits.opens_per_minute, limits.open_burst)
        self.marks = Rates(limits.marks_per_minute, limits.mark_burst)
