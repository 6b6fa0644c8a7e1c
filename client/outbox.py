"""Messages on their way out: what is sent when, and when again, in the order of their writing.

Each conversation has a line. A line is sent in order, pipelined; each message names the one before
it (`after`) while that is not accepted, so the server refuses what overtakes. When one is set back,
its line is held for a moment and goes on from there with the same ids, which cannot double. Pure:
time is an argument, and what has to happen is added to an Effects.
"""

from collections import OrderedDict
from collections.abc import Mapping
from uuid import UUID, uuid5

from client import frames
from client.effects import Effects, Entry, EntryChanged, EntryRefused, EntrySettled, Wait
from client.line import Line
from client.messages import MessageAccepted, MessageRefused, MessageRenamed
from client.pace import Pace

IN_FLIGHT_MAX = 128
"""Messages that are sent and not yet answered, over all conversations."""

ANSWER_TIMEOUT_MS = 10_000
"""An answer that takes longer is taken as lost, and the message is sent again."""

LINE = "line"
PACE = "pace"
"""The topics of this module's waits."""

_RETRY = frozenset({"unavailable", "rate_limited", "not_authenticated"})


class Outbox:
    """All lines, and the bound on what is in flight."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.online = False
        self._lines: dict[str, Line] = {}
        self._ready: OrderedDict[str, Line] = OrderedDict()
        self._in_flight = 0
        self._pace = Pace()
        self._paced = False
        self._in_flight_max = IN_FLIGHT_MAX

    def add(self, entry: Entry) -> None:
        """Take a message; `entry.conversation_id` is known."""
        line = self._lines.get(entry.conversation_id)
        if line is None:
            line = self._lines[entry.conversation_id] = Line(entry.conversation_id)
        line.append(entry)
        self.entries[entry.id] = entry
        self._ready[entry.conversation_id] = line

    def connected(self, limits: Mapping[str, int]) -> None:
        """A fresh connection: everything unaccepted is to be sent again."""
        self.online = True
        self._paced = False
        self._pace.allow(limits.get("sends_per_minute"), limits.get("send_burst"))
        self._in_flight_max = min(IN_FLIGHT_MAX, max(1, limits.get("in_flight", 1024) // 2))
        self._in_flight = 0
        self._ready = OrderedDict(self._lines)
        for line in self._lines.values():
            line.held = line.syncing = False
            line.attempts = 0
            for entry in line:
                entry.stale = False
                entry.in_flight = False
                line.wait(entry)

    def disconnected(self) -> None:
        """Nothing can be sent until `connected`."""
        self.online = False

    def unsent(self, conversation_id: str) -> list[Entry]:
        """What is not accepted yet in a conversation, in order."""
        line = self._lines.get(conversation_id)
        return [] if line is None else list(line)

    def pump(self, now: int, out: Effects) -> None:
        """Send what may be sent."""
        if not self.online or self._paced:
            return
        while self._ready and self._in_flight < self._in_flight_max:
            conversation_id, line = next(iter(self._ready.items()))
            while line.waiting and not (line.held or line.syncing):
                if self._in_flight >= self._in_flight_max:
                    return
                wait_ms = self._pace.take(now)
                if wait_ms:
                    self._paced = True
                    out.waits.append(Wait(PACE, "", 0, wait_ms / 1000))
                    return
                self._transmit(line.next(), now, out)
            del self._ready[conversation_id]

    def _transmit(self, entry: Entry, now: int, out: Effects) -> None:
        entry.waiting = False
        entry.in_flight = True
        entry.transmitted_at = now
        self._in_flight += 1
        resent_from = entry.first_sent_at
        if resent_from is None:
            entry.first_sent_at = now
            out.changes.append(EntryChanged(entry))
        out.frames.append(
            frames.send(
                entry.id,
                entry.to,
                entry.kind,
                entry.body,
                entry.reply_to,
                None if entry.previous is None else entry.previous.id,
                resent_from,
            )
        )

    def settle(self, message_id: str, seq: int, sent_at: int, out: Effects) -> Entry | None:
        """The message is in the log. None when it is not in the outbox (any more)."""
        entry = self.entries.get(message_id)
        if entry is None:
            return None
        line = self._remove(entry)
        line.attempts = 0
        out.changes.append(EntrySettled(entry.order))
        out.notices.append(
            MessageAccepted(entry.order, entry.id, entry.conversation_id, seq, sent_at)
        )
        return entry

    def rejected(self, frame: frames.Rejected, out: Effects) -> str | None:
        """A refusal by the log. The conversation to be synced first when the message is stale."""
        entry = self._answered(frame.id)
        if entry is None:
            return None
        if frame.code == "out_of_order":
            self._set_back(entry, out)
        elif frame.code == "stale":
            entry.stale = True
            line = self._lines[entry.conversation_id]
            line.syncing = True
            return entry.conversation_id
        else:
            self._refuse(entry, frame.code, frame.detail, out)
        return None

    def failed(self, frame: frames.Error, now: int, out: Effects) -> None:
        """A refusal by the gateway, before the log."""
        entry = self._answered(frame.id or "")
        if entry is None:
            return
        if frame.code in _RETRY:
            line = self._lines[entry.conversation_id]
            line.wait(entry)
            if frame.code == "rate_limited":
                self._pace.refused(now, frame.retry_after_seconds or 1.0)
            self._hold(line, frame.retry_after_seconds or 0.0, out)
        else:
            self._refuse(entry, frame.code, frame.detail, out)

    def synced(self, conversation_id: str, out: Effects) -> None:
        """The conversation is known up to its head: what is stale is not in it, so send it anew.

        The new id follows from the old one, so doing this twice gives the same message.
        """
        line = self._lines.get(conversation_id)
        if line is None or not line.syncing:
            return
        line.syncing = False
        for entry in line:
            if entry.stale:
                del self.entries[entry.id]
                entry.stale = False
                entry.id = str(uuid5(UUID(entry.id), "renewed"))
                entry.first_sent_at = None
                self.entries[entry.id] = entry
                out.changes.append(EntryChanged(entry))
                out.notices.append(MessageRenamed(entry.order, entry.id))
                line.wait(entry)
        self._ready[conversation_id] = line

    def wake(self, conversation_id: str) -> None:
        """The hold of a line is over."""
        line = self._lines.get(conversation_id)
        if line is not None:
            line.held = False
            self._ready[conversation_id] = line

    def paced(self) -> None:
        """One more may be sent."""
        self._paced = False

    def overdue(self, now: int) -> None:
        """Send again what has not been answered for long; `pump` follows."""
        for line in self._lines.values() if self._in_flight else ():
            late = now - (ANSWER_TIMEOUT_MS << min(line.attempts, 4))
            overdue = [e for e in line if e.in_flight and e.transmitted_at <= late]
            for entry in overdue:
                self._land(entry)
                line.wait(entry)
            if overdue:
                line.attempts += 1
                self._ready[line.conversation_id] = line

    def _answered(self, message_id: str) -> Entry | None:
        """The message that this answers; None when nobody waits for the answer any more."""
        entry = self.entries.get(message_id)
        if entry is None or not entry.in_flight:
            return None
        self._land(entry)
        return entry

    def _set_back(self, entry: Entry, out: Effects) -> None:
        """It overtook: what came before it in flight was lost, and goes first."""
        line = self._lines[entry.conversation_id]
        for earlier in line:
            if earlier.order > entry.order:
                break
            if not earlier.stale:
                self._land(earlier)
                line.wait(earlier)
        self._hold(line, 0.0, out)

    def _hold(self, line: Line, at_least_seconds: float, out: Effects) -> None:
        self._ready[line.conversation_id] = line
        if not line.held:
            line.held = True
            line.attempts += 1
            out.waits.append(Wait(LINE, line.conversation_id, line.attempts, at_least_seconds))

    def _refuse(self, entry: Entry, code: str, detail: str, out: Effects) -> None:
        self._remove(entry)
        out.changes.append(EntryRefused(entry.order, code, detail))
        out.notices.append(
            MessageRefused(entry.order, entry.id, entry.conversation_id, code, detail)
        )

    def _remove(self, entry: Entry) -> Line:
        line = self._lines[entry.conversation_id]
        self._land(entry)
        line.remove(entry)
        del self.entries[entry.id]
        if line.first is None:
            del self._lines[entry.conversation_id]
            self._ready.pop(entry.conversation_id, None)
        return line

    def _land(self, entry: Entry) -> None:
        if entry.in_flight:
            entry.in_flight = False
            self._in_flight -= 1
