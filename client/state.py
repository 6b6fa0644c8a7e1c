"""The core of a client: what a frame, a connection or a wish of the application leads to.

In go server frames, `connected`, `disconnected`, `send`, `read` and the passing of time; out come
Effects, which the shell carries out in their order. It keeps: messages of a conversation are
handed on once each and in the order of their seq; a message in the outbox leaves it only when it
is in the log or refused; watermarks never fall. Pure: `now` is the server's clock in milliseconds.
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
    IdentityLearnt,
    Mark,
    MarkersChanged,
    MessageStored,
)
from client.errors import ClientError
from client.frames import Event
from client.messages import Arrived, Message, Problem, Tick, direct_conversation
from client.outbox import LINE, PACE, Outbox
from client.refresh import REFRESH, Refresh
from client.sync import Sync

OUTBOX_MAX = 10_000


class State:
    """Everything that one device of one user knows."""

    def __init__(self, saved: Iterable[Change] = ()) -> None:
        self.user_id = ""
        self.device_id = ""
        self.limits: Mapping[str, int] = {}
        self.outbox = Outbox()
        self.sync = Sync()
        self._unresolved: list[Entry] = []
        self._newest_order = 0
        self.refresh = Refresh(self.sync.next_request_id)
        for change in saved:
            self._restore(change)

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
        return self.sync.heads_complete and not any(
            conversation.behind for conversation in self.conversations.values()
        )

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

    def read(self, conversation_id: str, seq: int) -> Effects:
        """The user has read everything up to seq; one's own messages need no reading."""
        out = Effects()
        conversation = self.sync.conversation(conversation_id)
        seq = min(seq, conversation.delivered)
        if seq > conversation.read:
            conversation.read = seq
            conversation.unsettled = True
            out.changes.append(watermarks.saved(conversation))
            if self.outbox.online:
                out.marks.append(Mark("read", conversation_id, seq))
        return out

    # What happens to the connection

    def connected(self, welcome: frames.Welcome, now: int) -> Effects:
        """Authenticated: repeat the watermarks and send what waits, in order."""
        out = Effects()
        if not self.user_id:
            self.user_id, self.device_id = welcome.user_id, welcome.device_id
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
        self.sync.connected()
        self.refresh.connected()
        self.outbox.connected(welcome.limits)
        for conversation in self.conversations.values():
            if conversation.unsettled:
                watermarks.tell(conversation, out)
        self.outbox.pump(now, out)
        return out

    def disconnected(self) -> Effects:
        """The connection is gone."""
        self.sync.disconnected()
        self.outbox.disconnected()
        return Effects()

    def tick_clock(self, now: int) -> Effects:
        """Time has passed: ask again for what was not answered."""
        out = Effects()
        if self.outbox.online:
            self.outbox.overdue(now)
            self.sync.overdue(now, out)
            self.refresh.overdue(now, out)
            self._pump(now, out)
        return out

    def wake(self, topic: str, conversation_id: str, now: int) -> Effects:
        """A Wait is over."""
        out = Effects()
        if topic == LINE:
            self.outbox.wake(conversation_id)
        elif topic == PACE:
            self.outbox.paced()
        elif topic == REFRESH:
            self.refresh.wake()
        else:
            self.sync.wake(conversation_id)
        self._pump(now, out)
        return out

    # What the server says

    def receive(self, frame: frames.ServerFrame | frames.Unknown, now: int) -> Effects:
        """Take one frame (the welcome goes to `connected`)."""
        out = Effects()
        match frame:
            case Event():
                self._event(frame, out)
            case frames.Accepted():
                self._accepted(frame, out)
            case frames.Receipt():
                self._receipt(frame, out)
            case frames.Page():
                self._page(frame, out)
            case frames.Heads():
                self._heads(frame, out)
            case frames.Rejected():
                stale = self.outbox.rejected(frame, out)
                if stale is not None:
                    self._sync_first(stale, out)
            case frames.Inbox():
                self._inbox(frame, out)
            case frames.Error():
                self._error(frame, now, out)
            case frames.Unknown():
                out.notices.append(Problem("unknown_frame", frame.detail))
        self._pump(now, out)
        return out

    def _event(self, event: Event, out: Effects) -> None:
        if self.outbox.entries and event.sender_id == self.user_id:
            self.outbox.settle(event.id, event.seq, event.sent_at, out)
        conversation = self.sync.conversation(event.conversation_id)
        self._release(conversation, conversation.place(event), out)
        self.sync.check(conversation)

    def _accepted(self, frame: frames.Accepted, out: Effects) -> None:
        conversation = self.sync.conversation(frame.conversation_id)
        entry = self.outbox.settle(frame.id, frame.seq, frame.sent_at, out)
        if entry is None:
            conversation.head = max(conversation.head, frame.seq)
        else:
            event = Event(
                conversation_id=frame.conversation_id,
                seq=frame.seq,
                sender_id=self.user_id,
                device_id=self.device_id,
                id=entry.id,
                kind=entry.kind,
                body=entry.body,
                reply_to=entry.reply_to,
                sent_at=frame.sent_at,
            )
            self._release(conversation, conversation.place(event), out)
        self.sync.check(conversation)

    def _receipt(self, frame: frames.Receipt, out: Effects) -> None:
        conversation = self.sync.conversation(frame.conversation_id)
        read = frame.seq if frame.kind == "read" else 0
        marker = frames.Markers(frame.user_id, frame.seq, read)
        watermarks.moved(conversation, self.user_id, marker, frame.at, out)

    def _page(self, page: frames.Page, out: Effects) -> None:
        known = self.conversations.get(page.conversation_id)
        if known is not None:
            for marker in page.receipts:
                watermarks.moved(known, self.user_id, marker, 0, out)
        conversation = self.sync.answered(page.id)
        if conversation is None:
            out.answers.append((page.id, page))
            return
        released: list[Event] = []
        for event in page.events:
            if self.outbox.entries and event.sender_id == self.user_id:
                self.outbox.settle(event.id, event.seq, event.sent_at, out)
            released += conversation.place(event)
        self._release(conversation, released, out)
        self.sync.paged(conversation, bool(released), out)
        self._renew_stale(conversation, out)

    def _heads(self, frame: frames.Heads, out: Effects) -> None:
        for conversation_id, seq in frame.heads.items():
            conversation = self.sync.conversation(conversation_id)
            conversation.head = max(conversation.head, seq)
            self.sync.check(conversation)
        if frame.more:
            return
        self.sync.heads_complete = True
        for conversation in self.conversations.values():
            self._renew_stale(conversation, out)
        if any(c.unsettled or c.waits_for_ticks(self.user_id) for c in self.conversations.values()):
            self.refresh.want()

    def _inbox(self, inbox: frames.Inbox, out: Effects) -> None:
        for item in inbox.conversations:
            conversation = self.sync.conversation(item.conversation_id)
            conversation.head = max(conversation.head, item.seq)
            self.sync.check(conversation)
            for marker in item.receipts:
                watermarks.moved(conversation, self.user_id, marker, 0, out)
        if not self.refresh.answered(inbox.id):
            out.answers.append((inbox.id, inbox))

    def _error(self, error: frames.Error, now: int, out: Effects) -> None:
        if error.id is None:
            out.notices.append(Problem(error.code, error.detail))
        elif error.id in self.outbox.entries:
            self.outbox.failed(error, now, out)
        elif (conversation := self.sync.answered(error.id)) is not None:
            self.sync.pause(conversation, error.retry_after_seconds or 0.0, out)
        elif not self.refresh.failed(error.id, error.retry_after_seconds or 0.0, out):
            out.answers.append((error.id, error))

    # Steps that several of them share

    def _pump(self, now: int, out: Effects) -> None:
        self.outbox.pump(now, out)
        self.sync.pump(now, out)
        if self.outbox.online:
            self.refresh.pump(now, out)

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

    def _release(self, conversation: Conversation, events: list[Event], out: Effects) -> None:
        """Store what is next in order, and tell the senders that it is here."""
        if not events:
            return
        count = 0
        newest_of_others = 0
        for event in events:
            if event.event == "message":
                out.changes.append(MessageStored(Message.of(event)))
                count += 1
            if event.sender_id == self.user_id:
                conversation.mine = event.seq
            else:
                newest_of_others = event.seq
        if newest_of_others:
            conversation.delivered = newest_of_others
            conversation.unsettled = True
            out.marks.append(Mark("delivered", conversation.id, newest_of_others))
        out.changes.append(watermarks.saved(conversation))
        if count:
            out.notices.append(Arrived(conversation.id, count))

    def _sync_first(self, conversation_id: str, out: Effects) -> None:
        conversation = self.sync.conversation(conversation_id)
        conversation.forced = True
        self.sync.check(conversation)

    def _renew_stale(self, conversation: Conversation, out: Effects) -> None:
        """Once a conversation is known up to its head, what is stale in its line is sent anew."""
        if self.sync.heads_complete and not conversation.behind:
            self.outbox.synced(conversation.id, out)

    def _restore(self, change: Change) -> None:
        match change:
            case IdentityLearnt():
                self.user_id, self.device_id = change.user_id, change.device_id
            case ConversationChanged():
                conversation = self.sync.conversation(change.conversation_id)
                conversation.cursor = conversation.head = change.cursor
                conversation.delivered, conversation.read = change.delivered, change.read
                conversation.mine, conversation.unsettled = change.mine, change.unsettled
            case MarkersChanged():
                self.sync.conversation(change.conversation_id).raise_marker(
                    change.user_id, change.delivered, change.read
                )
            case EntryQueued():
                self._newest_order = max(self._newest_order, change.entry.order)
                self._admit(change.entry)
            case _:
                raise AssertionError(f"{change} is not a saved state")
