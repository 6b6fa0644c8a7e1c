"""What the clients of one run share, and what a client is. Knows no protocol.

Open loop: the load program sends at due times. Closed loop (`is_flowing`): each arrival makes its
sender send the next message, so that as many are under way as were begun.
"""

import time
from collections import Counter, deque
from typing import Protocol

from bench.ledger import ALL, Ledger, Side, Stage


class Client(Protocol):
    """Somebody who sends: a device of a pair, or the one who speaks in a group."""

    @property
    def ended_by(self) -> str:
        """Who ended its socket; empty while it is open."""

    def begin(self, run: "Run") -> None:
        """Take part in another run; all of the last one is settled."""

    def send(self, due: float) -> None:
        """Send the next message, which was due at this time."""

    def close(self) -> None:
        """End the socket."""


class Clients(Protocol):
    """Opens clients of one kind of server. Raises OSError and TimeoutError."""

    async def pairs(self, count: int) -> list[Client]:
        """Open so many pairs, two by two; the first of a pair writes to the second."""

    async def idle(self, count: int) -> list[Client]:
        """Open so many clients that say nothing."""

    async def group(self, members: int) -> list[Client]:
        """Open a group; first the one who speaks in it. Empty where there are no groups."""

    async def close(self) -> None:
        """Let go of what the clients shared."""


class Marker(Protocol):
    """Who answers with receipts."""

    def mark(self, kind: str, seq: int) -> None:
        """Send a receipt."""


class Run:
    """One run: what was sent, what became of it, and who has still to say `read`."""

    def __init__(
        self, number: int, body: str, read_after_seconds: float, wanted: Stage = ALL
    ) -> None:
        self.number = number
        self.body = body
        self.read_after_seconds = read_after_seconds
        self.ledger = Ledger(wanted)
        self.problems: Counter[str] = Counter()
        self.unread: deque[tuple[float, Marker, int]] = deque()
        self.clock = time.perf_counter
        self.delivered = 0
        self.is_flowing = False

    def read_due(self, now: float) -> None:
        """Send the `read` receipts that are due."""
        while self.unread and self.unread[0][0] <= now:
            _, device, seq = self.unread.popleft()
            device.mark("read", seq)

    def arrived(self, sender: Client, side: Side, number: int, seq: int, now: float) -> bool:
        """The other device was shown a message; False when it had it already."""
        if not self.ledger.delivered(side, number, seq, now):
            return False
        self.delivered += 1
        if self.is_flowing:
            sender.send(self.clock())
        return True
