"""A device of a pair that can be cut off and comes back: it fetches what it missed, then is live.

In: the frames of a new connection. Out: the same to the ledger as if it had never been away. Live
messages that come before the page it asked for are held and shown behind it, as a client does.
"""

import asyncio

import msgspec
from msgspec import Struct

from bench.device import Accepted, Device, Event, Frame, Heads, Problem
from bench.frames import text_frame
from bench.run import Run

_FETCH_LIMIT = 100
_FETCH_ID = "back"
_AGAIN_SECONDS = 2.0


class PageEvent(Struct, gc=False):
    """A message in a page, one's own too."""

    id: str
    seq: int
    sender_id: str


class Page(Struct, tag_field="type", tag="page", gc=False):
    """What was missed."""

    events: list[PageEvent]
    next: int | None = None


_decode = msgspec.json.Decoder(Frame | Page).decode


class ReturningDevice(Device):
    """One device of a direct conversation of two, that may go and come back."""

    def __init__(self, user_id: str, peer_id: str, run: Run) -> None:
        super().__init__(user_id, peer_id, run)
        self._held: list[Accepted | Event] | None = None
        self._head = 0

    def cut(self) -> None:
        """Lose the connection without a word; what was on its way is lost."""
        self.ended_by = "cut"
        self.socket.abort()

    def returns(self) -> None:
        """A new connection is about to be made."""
        self.ended_by = ""
        self.live = asyncio.get_running_loop().create_future()
        self._held = []
        self._head = 0

    def shown(self, payload: bytes) -> None:
        if self.ended_by:
            return
        frame = _decode(payload)
        now = self.run.clock()
        if self._held is None:
            if not isinstance(frame, Page):
                self.take(frame, now)
            return
        match frame:
            case Heads(heads, more):
                self._head = max(self._head, heads.get(self.conversation_id, 0))
                if not more:
                    self._go_on(now)
            case Page(events, _):
                for event in events:
                    self._caught_up_with(event, now)
                self._go_on(now)
            case Event() | Accepted():
                self._held.append(frame)
            case Problem(_, request_id) if request_id == _FETCH_ID:
                # History is not that far yet, or too many ask: again, as a client does.
                asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._again)
            case _:
                self.take(frame, now)

    def _fetch(self) -> None:
        text = (
            f'{{"type":"fetch","id":"{_FETCH_ID}","conversation_id":"{self.conversation_id}",'
            f'"after":{self.side.newest_seq},"up_to":{self._head},"limit":{_FETCH_LIMIT}}}'
        )
        self.socket.send_frame(text_frame(text.encode()))

    def _again(self) -> None:
        if self._held is not None and not self.ended_by:
            self._go_on(self.run.clock())

    def _caught_up_with(self, event: PageEvent, now: float) -> None:
        if event.sender_id == self.user_id:
            self.side.newest_seq = max(self.side.newest_seq, event.seq)
        else:
            self.take(Event(event.id, event.seq), now)

    def _go_on(self, now: float) -> None:
        """Ask for what is still missing, or be live."""
        newest_seq = self.side.newest_seq
        if newest_seq < self._head:
            # Its heads may have come with the upgrade, before it is known by which socket.
            asyncio.get_running_loop().call_soon(self._fetch)
            return
        held, self._held = self._held or [], None
        for frame in held:
            if frame.seq > newest_seq:
                self.take(frame, now)
        self.live.set_result(None)
