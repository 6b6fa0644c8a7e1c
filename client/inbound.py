"""What a frame of the server changes: the half of the core that listens.

In goes any frame but the welcome; out come Effects. Messages of a conversation are handed on once
each and in the order of their seq; an entry leaves the outbox when its message is seen in the log
or refused. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from client import frames, watermarks
from client.conversations import Conversation
from client.effects import Effects, MessageStored
from client.frames import Event
from client.marks import Marks
from client.messages import Arrived, ChatsListed, Message, Problem
from client.outbox import Outbox
from client.questions import Questions
from client.refresh import Refresh
from client.sync import Sync
from client.walk import Walk


@dataclass(slots=True)
class Identity:
    """Who this device is; empty until the server has said so once."""

    user_id: str = ""
    device_id: str = ""


class Inbound:
    """Takes frames into what a device knows."""

    def __init__(
        self,
        identity: Identity,
        outbox: Outbox,
        sync: Sync,
        heads: Walk,
        refresh: Refresh,
        marks: Marks,
        questions: Questions,
    ) -> None:
        self.token: str | None = None
        """Of the heads that were told last in whole; to be kept once everything is fetched."""
        self._identity = identity
        self._outbox = outbox
        self._sync = sync
        self._heads_walk = heads
        self._refresh = refresh
        self._marks = marks
        self._questions = questions

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
            case frames.Marked():
                self._marks.answered(frame.id, out)
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
            self._stands(known, page.receipts, out)
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
        if frame.id is not None and not self._heads_walk.answered(frame.id, frame.next):
            return
        self._sync.heads_complete = not frame.more
        if frame.more:
            if frame.id is None and frame.next is not None:
                self._heads_walk.begin(frame.next)
            return
        self.token = frame.token
        for conversation in self._sync.conversations.values():
            self._renew_stale(conversation, out)
        me = self._identity.user_id
        wanted = [
            one
            for one in self._sync.conversations.values()
            if one.is_new or one.has_unread or one.waits_for_ticks(me)
        ]
        if wanted:
            self._refresh.want(wanted)

    def _inbox(self, inbox: frames.Inbox, out: Effects) -> None:
        for item in inbox.conversations:
            conversation = self._sync.conversation(item.conversation_id)
            conversation.head = max(conversation.head, item.seq)
            conversation.listed = item
            self._sync.check(conversation)
            self._stands(conversation, item.receipts, out)
        if inbox.conversations:
            out.notices.append(ChatsListed(len(inbox.conversations)))
        if not self._refresh.shown(inbox):
            out.answers.append((inbox.id, inbox))

    def _stands(
        self, conversation: Conversation, markers: Iterable[frames.Markers], out: Effects
    ) -> None:
        """An answer says how far everybody is. What it lacks of the own watermarks is told again:
        the log may have lost it after it said that it has it."""
        me = self._identity.user_id
        for marker in markers:
            watermarks.moved(conversation, me, marker, 0, out)
            if marker.user_id == me and conversation.lacks(marker.delivered, marker.read):
                out.changes.append(watermarks.saved(conversation))
                self._marks.put(conversation)

    def _error(self, error: frames.Error, now: int, out: Effects) -> None:
        if error.id is None:
            out.notices.append(Problem(error.code, error.detail))
        elif error.id in self._outbox.entries:
            self._outbox.failed(error, now, out)
        elif (conversation := self._sync.answered(error.id)) is not None:
            self._sync.failed(conversation, error, now, out)
        elif self._marks.failed(error, now, out):
            return
        elif self._is_asked_again(error, error.id, out):
            if error.code == "rate_limited":
                self._sync.queries.pace.refused(now, error.retry_after_seconds or 0.0)
        else:
            out.answers.append((error.id, error))

    def _is_asked_again(self, error: frames.Error, request_id: str, out: Effects) -> bool:
        """Whether the error was for a question that is put again."""
        wait_seconds = error.retry_after_seconds or 0.0
        return (
            self._heads_walk.failed(request_id, wait_seconds, out)
            or self._refresh.failed(request_id, wait_seconds, out)
            or self._questions.limited(error)
        )

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
            self._marks.put(conversation)
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
