"""What a frame of the server changes: the half of the core that listens.

In goes any frame but the welcome; out come Effects. Messages of a conversation are handed on once
each and in the order of their seq; an entry leaves the outbox when its message is seen in the log
or refused. Pure.
"""

from dataclasses import dataclass

from client import frames, watermarks
from client.conversations import Conversation
from client.effects import Effects, Mark, MessageStored
from client.frames import Event
from client.messages import Arrived, Message, Problem
from client.outbox import Outbox
from client.refresh import Refresh
from client.sync import Sync


@dataclass(slots=True)
class Identity:
    """Who this device is; empty until the server has said so once."""

    user_id: str = ""
    device_id: str = ""


class Inbound:
    """Takes frames into what a device knows."""

    def __init__(self, identity: Identity, outbox: Outbox, sync: Sync, refresh: Refresh) -> None:
        self._identity = identity
        self._outbox = outbox
        self._sync = sync
        self._refresh = refresh

    def take(self, frame: frames.ServerFrame | frames.Unknown, now: int, out: Effects) -> None:
        """Take one frame (the welcome goes to `State.connected`)."""
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
                stale = self._outbox.rejected(frame, now, out)
                if stale is not None:
                    self._sync_first(stale, out)
            case frames.Inbox():
                self._inbox(frame, out)
            case frames.Error():
                self._error(frame, now, out)
            case frames.Unknown():
                out.notices.append(Problem("unknown_frame", frame.detail))

    def _event(self, event: Event, out: Effects) -> None:
        if self._outbox.entries and event.sender_id == self._identity.user_id:
            self._outbox.settle(event.id, event.seq, event.sent_at, out)
        conversation = self._sync.conversation(event.conversation_id)
        self._release(conversation, conversation.place(event), out)
        self._sync.check(conversation)

    def _accepted(self, frame: frames.Accepted, out: Effects) -> None:
        conversation = self._sync.conversation(frame.conversation_id)
        entry = self._outbox.settle(frame.id, frame.seq, frame.sent_at, out)
        if entry is None:
            conversation.head = max(conversation.head, frame.seq)
        else:
            event = Event(
                conversation_id=frame.conversation_id,
                seq=frame.seq,
                sender_id=self._identity.user_id,
                device_id=self._identity.device_id,
                id=entry.id,
                kind=entry.kind,
                body=entry.body,
                reply_to=entry.reply_to,
                sent_at=frame.sent_at,
            )
            self._release(conversation, conversation.place(event), out)
        self._sync.check(conversation)

    def _receipt(self, frame: frames.Receipt, out: Effects) -> None:
        conversation = self._sync.conversation(frame.conversation_id)
        read = frame.seq if frame.kind == "read" else 0
        marker = frames.Markers(frame.user_id, frame.seq, read)
        watermarks.moved(conversation, self._identity.user_id, marker, frame.at, out)

    def _page(self, page: frames.Page, out: Effects) -> None:
        known = self._sync.conversations.get(page.conversation_id)
        if known is not None:
            for marker in page.receipts:
                watermarks.moved(known, self._identity.user_id, marker, 0, out)
        conversation = self._sync.answered(page.id)
        if conversation is None:
            out.answers.append((page.id, page))
            return
        released: list[Event] = []
        for event in page.events:
            if self._outbox.entries and event.sender_id == self._identity.user_id:
                self._outbox.settle(event.id, event.seq, event.sent_at, out)
            released += conversation.place(event)
        self._release(conversation, released, out)
        self._sync.paged(conversation, bool(released), out)
        self._renew_stale(conversation, out)

    def _heads(self, frame: frames.Heads, out: Effects) -> None:
        for conversation_id, seq in frame.heads.items():
            conversation = self._sync.conversation(conversation_id)
            conversation.head = max(conversation.head, seq)
            self._sync.check(conversation)
        if frame.more:
            return
        self._sync.heads_complete = True
        for conversation in self._sync.conversations.values():
            self._renew_stale(conversation, out)
        if any(
            c.unsettled or c.has_unread or c.waits_for_ticks(self._identity.user_id)
            for c in self._sync.conversations.values()
        ):
            self._refresh.want()

    def _inbox(self, inbox: frames.Inbox, out: Effects) -> None:
        for item in inbox.conversations:
            conversation = self._sync.conversation(item.conversation_id)
            conversation.head = max(conversation.head, item.seq)
            self._sync.check(conversation)
            for marker in item.receipts:
                watermarks.moved(conversation, self._identity.user_id, marker, 0, out)
        if not self._refresh.answered(inbox.id):
            out.answers.append((inbox.id, inbox))

    def _error(self, error: frames.Error, now: int, out: Effects) -> None:
        if error.id is None:
            out.notices.append(Problem(error.code, error.detail))
        elif error.id in self._outbox.entries:
            self._outbox.failed(error, now, out)
        elif (conversation := self._sync.answered(error.id)) is not None:
            self._sync.pause(conversation, error.retry_after_seconds or 0.0, out)
        elif not self._refresh.failed(error.id, error.retry_after_seconds or 0.0, out):
            out.answers.append((error.id, error))

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
            if event.sender_id == self._identity.user_id:
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
        conversation = self._sync.conversation(conversation_id)
        conversation.forced = True
        self._sync.check(conversation)

    def _renew_stale(self, conversation: Conversation, out: Effects) -> None:
        """Once a conversation is known up to its head, what is stale in its line is sent anew."""
        if self._sync.heads_complete and not conversation.behind:
            self._outbox.synced(conversation.id, out)
