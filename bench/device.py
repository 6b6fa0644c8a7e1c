"""A device of a pair: sends messages, answers each with `delivered` at once and `read` soon after.

In: text of the gateway. Out: what it was shown, to the ledger; its own receipts, to the gateway, as
a real client would send them. A message's id holds the run and the message's number, so nothing has
to be remembered to recognise it.
"""

import asyncio
import time

import msgspec
from msgspec import Struct

from bench.frames import text_frame
from bench.ledger import Side
from bench.run import Client, Run
from bench.socket import Socket
from events.ids import direct_conversation

_RUN = slice(15, 18)
_RUNS = 1 << 12
_NUMBER = slice(24, 36)


class Accepted(Struct, tag_field="type", tag="accepted", gc=False):
    """The first tick."""

    id: str
    seq: int


class Event(Struct, tag_field="type", tag="event", gc=False):
    """A message of the other member."""

    id: str
    seq: int


class Receipt(Struct, tag_field="type", tag="receipt", gc=False):
    """The second or third tick."""

    user_id: str
    kind: str
    seq: int


class Problem(Struct, tag_field="type", tag="error", gc=False):
    """A frame that the gateway did not take."""

    code: str
    id: str = ""


class Rejected(Struct, tag_field="type", tag="rejected", gc=False):
    """A message that was refused."""

    code: str
    id: str


class Welcome(Struct, tag_field="type", tag="welcome", gc=False):
    """The session is open."""


class Heads(Struct, tag_field="type", tag="heads", gc=False):
    """How far conversations go; from the last one on everything is delivered live."""

    heads: dict[str, int]
    more: bool


Frame = Accepted | Event | Receipt | Problem | Rejected | Welcome | Heads

_decode = msgspec.json.Decoder(Frame).decode


class Device:
    """One device of a direct conversation of two."""

    def __init__(self, user_id: str, peer_id: str, run: Run) -> None:
        self.user_id = user_id
        self.run = run
        self.peer: Client
        self.socket: Socket
        self.side = Side()
        self.live: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended_by = ""
        self.conversation_id = direct_conversation(user_id, peer_id)
        self._to = f'","to":"{peer_id}","body":"'

    def begin(self, run: Run) -> None:
        """Take part in another run; all of the last one is settled."""
        self.run = run
        newest_seq, self.side = self.side.newest_seq, Side()
        self.side.newest_seq = newest_seq

    def send(self, due: float) -> None:
        """Send the next message, which was due at this time."""
        run = self.run
        number = run.ledger.sent(self.side, due)
        made_at = f"{int(time.time() * 1000):012x}"
        text = (
            f'{{"type":"send","id":"{made_at[:8]}-{made_at[8:]}-7{run.number % _RUNS:03x}-8000-'
            f'{number:012x}{self._to}{run.body}"}}'
        )
        self.socket.send_frame(text_frame(text.encode()))

    def mark(self, kind: str, seq: int) -> None:
        """Send a receipt."""
        text = f'{{"type":"{kind}","conversation_id":"{self.conversation_id}","seq":{seq}}}'
        self.socket.send_frame(text_frame(text.encode()))

    def shown(self, payload: bytes) -> None:
        """The gateway sent a text."""
        self.take(_decode(payload), self.run.clock())

    def take(self, frame: Frame, now: float) -> None:
        """A frame came."""
        run = self.run
        match frame:
            case Event():
                if self.is_of_run(frame.id) and run.arrived(
                    self.peer, self.side, int(frame.id[_NUMBER], 16), frame.seq, now
                ):
                    self.mark("delivered", frame.seq)
                    run.unread.append((now + run.read_after_seconds, self, frame.seq))
            case Accepted():
                if self.is_of_run(frame.id):
                    run.ledger.accepted(self.side, int(frame.id[_NUMBER], 16), frame.seq, now)
            case Receipt():
                if frame.user_id != self.user_id:
                    run.ledger.ticked(self.side, frame.kind, frame.seq, now)
            case Heads():
                head = frame.heads.get(self.conversation_id, 0)
                self.side.newest_seq = max(self.side.newest_seq, head)
                if not frame.more and not self.live.done():
                    self.live.set_result(None)
            case Problem() | Rejected():
                run.problems[frame.code] += 1
                if frame.id and self.is_of_run(frame.id):
                    run.ledger.refused(self.side, int(frame.id[_NUMBER], 16))

    def close(self) -> None:
        """End the socket."""
        self.ended_by = "us"
        self.socket.close()

    def ended(self, reason: str) -> None:
        """The socket is gone."""
        if not self.ended_by:
            self.ended_by = reason
            self.run.problems[f"closed: {reason}"] += 1

    def is_of_run(self, message_id: str) -> bool:
        """Whether a message was sent in this run."""
        return int(message_id[_RUN], 16) == self.run.number % _RUNS
