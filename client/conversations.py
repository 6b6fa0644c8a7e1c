"""One conversation as this device has it: a cursor, what is known beyond it, and the watermarks.

Everything up to the cursor is stored and in order. What arrives further on is kept aside, within
bounds, until the gap before it is filled; what arrives again is dropped. Pure.
"""

from collections.abc import Callable

from client.frames import Event
from client.messages import Tick, others_in

PENDING_MAX = 512
"""Facts kept aside for one conversation; what is beyond is fetched when its turn comes."""


class Conversation:
    """What this device knows of one conversation."""

    __slots__ = (
        "attempts",
        "cursor",
        "delivered",
        "forced",
        "head",
        "held",
        "id",
        "markers",
        "mine",
        "pending",
        "read",
        "request_id",
        "unsettled",
    )

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self.cursor = 0
        """Everything up to here is stored."""
        self.head = 0
        """The highest seq heard of."""
        self.pending: dict[int, Event] = {}
        self.mine = 0
        """The newest message of this user, from whichever device."""
        self.delivered = 0
        self.read = 0
        """This user's own watermarks: the newest message of others that is stored, and read."""
        self.unsettled = False
        """Whether a watermark was told that is not known to have arrived."""
        self.markers: dict[str, tuple[int, int]] = {}
        """What others have: delivered and read."""
        self.request_id: str | None = None
        self.held = False
        self.forced = False
        self.attempts = 0

    @property
    def has_unread(self) -> bool:
        """Whether a message of others is here that this user has not read, as far as is known."""
        return self.delivered > self.read

    @property
    def behind(self) -> bool:
        """Whether there is something to fetch."""
        return self.head > self.cursor or self.forced

    def place(self, event: Event) -> list[Event]:
        """Take a fact; what is now next in order, none when it is a repeat or leaves a gap."""
        seq = event.seq
        if seq > self.head:
            self.head = seq
        if seq <= self.cursor:
            return []
        if seq > self.cursor + 1:
            if len(self.pending) < PENDING_MAX:
                self.pending[seq] = event
            return []
        self.pending.pop(seq, None)
        released = [event]
        while self.pending:
            following = self.pending.pop(seq + 1, None)
            if following is None:
                break
            released.append(following)
            seq += 1
        self.cursor = seq
        return released

    def raise_marker(self, user_id: str, delivered: int, read: int) -> bool:
        """Raise what another member has; whether anything rose."""
        old = self.markers.get(user_id, (0, 0))
        new = (max(old[0], delivered, read), max(old[1], read))
        if new == old:
            return False
        self.markers[user_id] = new
        return True

    def tick(self, user_id: str, seq: int) -> Tick:
        """How far this user's message at seq has come: as far as the slowest other member.

        A note to oneself is with everybody for whom it is as soon as it is accepted.
        """
        others = others_in(self.id, user_id)
        if not others:
            return Tick.READ

        def slowest(pick: Callable[[tuple[int, int]], int]) -> int:
            return min(pick(self.markers.get(other, (0, 0))) for other in others)

        if slowest(lambda marker: marker[1]) >= seq:
            return Tick.READ
        if slowest(lambda marker: marker[0]) >= seq:
            return Tick.DELIVERED
        return Tick.SENT

    def waits_for_ticks(self, user_id: str) -> bool:
        """Whether the newest message of this user is not read by all others yet."""
        return self.mine > 0 and self.tick(user_id, self.mine) is not Tick.READ
