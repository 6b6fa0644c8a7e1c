"""One conversation as this device has it: a cursor, what is known beyond it, and the watermarks.

Everything up to the cursor is stored and in order. What arrives further on is kept aside, within
bounds, until the gap before it is filled; what arrives again is dropped. Pure.
"""

from collections.abc import Callable

from client.frames import Event, InboxItem
from client.messages import Message, Tick, others_in

PENDING_MAX = 512
"""Facts kept aside for one conversation; what is beyond is fetched when its turn comes."""


class Conversation:
    """What this device knows of one conversation."""

    __slots__ = (
        "attempts",
        "confirmed",
        "cursor",
        "delivered",
        "forced",
        "head",
        "held",
        "id",
        "listed",
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
        self.confirmed = (0, 0)
        """The own watermarks, delivered and read, that the server is known to have."""
        self.listed: InboxItem | None = None
        """The conversation as the newest inbox of this connection showed it."""
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
    def is_new(self) -> bool:
        """Whether the conversation exists and nothing of it is here yet."""
        return self.cursor == 0 and self.head > 0

    @property
    def preview(self) -> Message | None:
        """The newest message as the inbox showed it: the beginning of its text, and no id."""
        if self.listed is None or self.listed.newest is None:
            return None
        newest = self.listed.newest
        return Message(
            self.id,
            newest.seq,
            "",
            newest.sender_id,
            "",
            newest.kind,
            newest.preview,
            None,
            newest.sent_at,
        )

    @property
    def listed_unread(self) -> int:
        """How many messages are unread by the inbox; none when all that it shows was read since."""
        listed = self.listed
        return 0 if listed is None or self.read >= listed.seq else listed.unread

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

    @property
    def is_confirmed(self) -> bool:
        """Whether the server has both own watermarks; what was read was delivered."""
        delivered, read = self.confirmed
        return max(delivered, read) >= self.delivered and read >= self.read

    def confirm(self, delivered: int, read: int) -> None:
        """The server has these own watermarks, from whichever device."""
        self.confirmed = (
            max(self.confirmed[0], delivered, read),
            max(self.confirmed[1], read),
        )

    def lacks(self, delivered: int, read: int) -> bool:
        """Whether the server, asked, has less than the own watermarks; it is then told again."""
        if read >= self.read and max(delivered, read) >= self.delivered:
            return False
        self.confirmed = (max(delivered, read), read)
        self.unsettled = True
        return True

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
