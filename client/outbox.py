"""Messages on their way out: what is sent when, and when again, in the order of their writing.

Each conversation has a line. A line is sent in order, pipelined; each message names the one before
it (`after`) while that is not accepted, so the server refuses what overtakes. When one is set back,
its line is held for a moment and goes on from there with the same ids, which cannot double. An id
holds the time at which it was made, by which the server knows how old any copy of the message is.
It changes before the message is sent for the first time, or once the server has refused it as stale
(which it then does for ever) and it is not in the conversation either. Pure: time is an argument,
and what has to happen is added to an Effects.
"""

from collections import OrderedDict
from collections.abc import Mapping

from client import frames
from client.effects import Effects, Entry, EntryChanged, EntryRefused, EntrySettled, Wait
from client.line import Line
from client.message_ids import is_fresh, made_at, minted_again
from client.messages import MessageAccepted, MessageRefused, MessageRenamed
from client.pace import Pace

IN_FLIGHT_MAX = 128
"""Messages that are sent and not yet answered, over all conversations."""

ANSWER_TIMEOUT_MS = 10_000
"""An answer that takes longer is taken as lost, and the message is sent again."""

LINE = "line"
PACE = "pace"
"""The topics of this module's waits."""

AHEAD_MS = 5 * 60_000
"""The server takes ids that were made this far ahead of the time in its log."""

EARLY_SECONDS_MAX = 60.0
"""A message that was refused as too early is tried again after this at the latest."""

LATE_COPY_MS = 15 * 60_000
"""Copies that the log makes of one frame are decided within this of each other."""

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
        self._clock_ahead_ms = 0

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
        self._clock_ahead_ms = 0
        self._ready = OrderedDict(self._lines)
        for line in self._lines.values():
            line.held = line.syncing = False
            line.attempts = 0
            for entry in line:
                entry.stale = False
                entry.in_flight = entry.only_copy = False
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
        entry.only_copy = entry.first_sent_at is None
        if entry.only_copy:
            line = self._lines[entry.conversation_id]
            log_time = max(now - self._clock_ahead_ms, line.log_time)
            if not is_fresh(entry.id, log_time):
                self._rename(entry, log_time, out)
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

    def rejected(self, frame: frames.Rejected, now: int, out: Effects) -> str | None:
        """A refusal by the log. The conversation, if it has to be synced first.

        What is refused as stale is so for ever and may be sent under a new id. What overtakes, or
        comes too early, may still be admitted: it keeps its id.
        """
        entry = self._answered(frame.id)
        if entry is None:
            return None
        line = self._lines[entry.conversation_id]
        line.log_time = max(line.log_time, frame.at)
        match frame.code:
            case "out_of_order":
                self._set_back(entry, out)
            case "unknown_after":
                self._set_back(entry, out)
                line.syncing = True
                return entry.conversation_id
            case "stale":
                entry.stale = True
                line.syncing = True
                return entry.conversation_id
            case "too_early":
                self._clock_ahead_ms = max(0, now - frame.at)
                self._too_early(entry, line, out)
            case _:
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
        """The conversation is known up to its head: what is stale is not in it, so send it anew."""
        line = self._lines.get(conversation_id)
        if line is None or not line.syncing:
            return
        line.syncing = False
        for entry in line:
            if entry.stale:
                entry.stale = False
                self._renew(entry, line, out)
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

    def _too_early(self, entry: Entry, line: Line, out: Effects) -> None:
        """Wait until its time has come; or give it the right time, if no copy can be admitted."""
        early_ms = (made_at(entry.id) or 0) - AHEAD_MS - line.log_time
        if entry.only_copy and early_ms > LATE_COPY_MS:
            self._renew(entry, line, out)
            early_ms = 0
        line.wait(entry)
        self._hold(line, min(max(early_ms / 1000, 0.0), EARLY_SECONDS_MAX), out)

    def _renew(self, entry: Entry, line: Line, out: Effects) -> None:
        """It will be sent as a message that was never sent before."""
        entry.first_sent_at = None
        self._rename(entry, line.log_time, out)
        out.changes.append(EntryChanged(entry))

    def _rename(self, entry: Entry, now: int, out: Effects) -> None:
        """Give it a new id: no copy of it can be admitted under the old one."""
        del self.entries[entry.id]
        entry.id = minted_again(entry.id, now)
        self.entries[entry.id] = entry
        out.notices.append(MessageRenamed(entry.order, entry.id))

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
