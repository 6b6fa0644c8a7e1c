"""The core of a client: what a frame, a connection or a wish of the application leads to.

In go server frames (`client.inbound`), `connected`, `disconnected`, `send`, `read` and the passing
of time; out come Effects, which the shell carries out in their order. It keeps: messages of a
conversation are handed on once each and in the order of their seq; a message in the outbox leaves
it only when it is in the log or refused; watermarks never fall. Pure: `now` is the server's clock
in milliseconds.
"""

from collections.abc import Iterable, Mapping

from client import frames, watermarks
from client.checks import check_message
from client.conversations import Conversation
from client.effects import (
    Change,
    ConversationChanged,
    Effects,
    Entry,
    EntryChanged,
    EntryQueued,
    HeadsTold,
    IdentityLearnt,
    MarkersChanged,
)
from client.errors import ClientError
from client.inbound import Identity, Inbound
from client.marks import MARKS, Marks
from client.messages import Tick, direct_conversation
from client.outbox import LINE, PACE, Outbox
from client.pace import GATE
from client.questions import Questions
from client.refresh import REFRESH, Refresh
from client.sync import QUERIES, Sync
from client.walk import Walk

OUTBOX_MAX = 10_000

HEADS = "heads"
"""The topic of the wait of the walk through heads."""


class State:
    """Everything that one device of one user knows."""

    def __init__(self, saved: Iterable[Change] = ()) -> None:
        self._identity = Identity()
        self.limits: Mapping[str, int] = {}
        self.outbox = Outbox()
        self.sync = Sync()
        self._unresolved: list[Entry] = []
        self._newest_order = 0
        self.since: str | None = None
        """The token of heads to show at the next connect: what came before it is stored here."""
        self.refresh = Refresh(self.sync.next_request_id)
        self.marks = Marks(self.sync.next_request_id)
        self.questions = Questions()
        self._heads = Walk(HEADS, self.sync.next_request_id, _ask_heads)
        self._inbound = Inbound(
            self._identity,
            self.outbox,
            self.sync,
            self._heads,
            self.refresh,
            self.marks,
            self.questions,
        )
        for change in saved:
            self._restore(change)

    @property
    def user_id(self) -> str:
        """Whose device it is; empty until the server has said so once."""
        return self._identity.user_id

    @property
    def device_id(self) -> str:
        """Which of the user's devices it is; empty until then."""
        return self._identity.device_id

    @property
    def conversations(self) -> dict[str, Conversation]:
        """Every conversation that this device knows."""
        return self.sync.conversations

    @property
    def unsent(self) -> int:
        """How many messages are not accepted yet."""
        return len(self.outbox.entries) + len(self._unresolved)

    @property
    def caught_up(self) -> bool:
        """Whether everything that the server told of on this connection is here."""
        if self.sync.is_fetching or not self.sync.heads_complete:
            return False
        return not any(conversation.behind for conversation in self.conversations.values())

    def tick(self, conversation_id: str, seq: int) -> Tick:
        """How far this user's message at that place has come."""
        return self.sync.conversation(conversation_id).tick(self.user_id, seq)

    # What the application wants

    def send(
        self, message_id: str, to: str, kind: str, body: str, reply_to: int | None, now: int
    ) -> tuple[Entry, Effects]:
        """Put a message into the outbox, and on the wire when there is one."""
        if self.unsent >= OUTBOX_MAX:
            raise ClientError("outbox_full", f"{OUTBOX_MAX} messages wait to be sent")
        check_message(to, body, self.limits)
        out = Effects()
        self._newest_order += 1
        entry = Entry(self._newest_order, message_id, to, "", kind, body, reply_to)
        out.changes.append(EntryQueued(entry))
        self._admit(entry)
        self.outbox.pump(now, out)
        return entry, out

    def read(self, conversation_id: str, seq: int, now: int) -> Effects:
        """The user has read everything up to seq; the marker stays at a message of others."""
        out = Effects()
        conversation = self.sync.conversation(conversation_id)
        seq = min(seq, conversation.delivered)
        if seq > conversation.read:
            conversation.read = seq
            conversation.unsettled = True
            out.changes.append(watermarks.saved(conversation))
            if self.outbox.online:
                self.marks.put(conversation)
                self.marks.pump(now, out)
        return out

    def ask(self, request_id: str, frame: bytes, now: int) -> Effects:
        """A question of the application, whose answer is among the effects of a later step."""
        out = Effects()
        self.questions.ask(request_id, frame)
        self._pump(now, out)
        return out

    def flush(self, now: int) -> Effects:
        """The connection is about to be closed: say what waits for its turn."""
        out = Effects()
        if self.outbox.online:
            self.marks.pump(now, out, last=True)
        return out

    # What happens to the connection

    def connected(self, welcome: frames.Welcome, now: int) -> Effects:
        """Authenticated: repeat the watermarks and send what waits, in order."""
        out = Effects()
        if not self.user_id:
            self._identity.user_id = welcome.user_id
            self._identity.device_id = welcome.device_id
            out.changes.append(IdentityLearnt(self.user_id, self.device_id))
        elif (self.user_id, self.device_id) != (welcome.user_id, welcome.device_id):
            raise ClientError(
                "wrong_identity",
                f"this store belongs to {self.user_id}/{self.device_id}, "
                f"the token to {welcome.user_id}/{welcome.device_id}",
            )
        self.limits = welcome.limits
        unresolved, self._unresolved = self._unresolved, []
        for entry in unresolved:
            self._admit(entry)
            out.changes.append(EntryChanged(entry))
        self.sync.connected(welcome.limits)
        self._heads.connected()
        self._inbound.token = None
        self.refresh.connected()
        self.refresh.allow(welcome.limits.get("inbox"))
        if not self.conversations:  # a new device can show its inbox before anything is fetched
            self.refresh.want(())
        self.outbox.connected(welcome.limits)
        self.marks.connected(welcome.limits, self.conversations.values())
        self._pump(now, out)
        return out

    def disconnected(self) -> Effects:
        """The connection is gone."""
        self.sync.disconnected()
        self.outbox.disconnected()
        self.questions.clear()
        return Effects()

    def tick_clock(self, now: int) -> Effects:
        """Time has passed: ask again for what was not answered."""
        out = Effects()
        if self.outbox.online:
            self.outbox.overdue(now)
            self.sync.overdue(now, out)
            self._heads.overdue(now, out)
            self.refresh.overdue(now, out)
            self.marks.overdue(now, out)
            self._pump(now, out)
        return out

    def wake(self, topic: str, conversation_id: str, now: int) -> Effects:
        """A Wait is over."""
        out = Effects()
        if topic == LINE:
            self.outbox.wake(conversation_id)
        elif topic == PACE:
            self.outbox.paced()
        elif topic == GATE and conversation_id == QUERIES:
            self.sync.queries.open()
        elif topic == GATE:
            self.marks.open()
        elif topic == REFRESH:
            self.refresh.wake()
        elif topic == HEADS:
            self._heads.wake()
        elif topic == MARKS:
            self.marks.wake()
        else:
            self.sync.wake(conversation_id)
        self._pump(now, out)
        return out

    # What the server says

    def receive(self, frame: frames.ServerFrame | frames.Unknown, now: int) -> Effects:
        """Take one frame (the welcome goes to `connected`)."""
        out = Effects()
        self._inbound.take(frame, now, out)
        if self._inbound.token is not None and self.caught_up:
            self.since, self._inbound.token = self._inbound.token, None
            out.changes.append(HeadsTold(self.since))
        self._pump(now, out)
        return out

    # Steps that several of them share

    def _pump(self, now: int, out: Effects) -> None:
        self.outbox.pump(now, out)
        if self.outbox.online:
            self.marks.pump(now, out)
            gate = self.sync.queries  # who waits longest for an answer comes first
            self.questions.pump(now, gate, out)
            self._heads.pump(now, gate, out)
            self.refresh.pump(now, gate, out)
            self.sync.pump(now, out)

    def _admit(self, entry: Entry) -> None:
        if not entry.conversation_id:
            if ":" in entry.to:
                entry.conversation_id = entry.to
            elif self.user_id:
                entry.conversation_id = direct_conversation(self.user_id, entry.to)
            else:
                self._unresolved.append(entry)
                return
        self.outbox.add(entry)

    def _restore(self, change: Change) -> None:
        match change:
            case IdentityLearnt():
                self._identity.user_id = change.user_id
                self._identity.device_id = change.device_id
            case ConversationChanged():
                conversation = self.sync.conversation(change.conversation_id)
                conversation.cursor = conversation.head = change.cursor
                conversation.delivered, conversation.read = change.delivered, change.read
                conversation.mine, conversation.unsettled = change.mine, change.unsettled
            case MarkersChanged():
                self.sync.conversation(change.conversation_id).raise_marker(
                    change.user_id, change.delivered, change.read
                )
            case HeadsTold():
                self.since = change.token
            case EntryQueued():
                self._newest_order = max(self._newest_order, change.entry.order)
                self._admit(change.entry)
            case _:
                raise AssertionError(f"{change} is not a saved state")


def _ask_heads(request_id: str, cursor: str | None) -> bytes:
    assert cursor is not None, "the first heads come unasked"
    return frames.heads(request_id, cursor)
