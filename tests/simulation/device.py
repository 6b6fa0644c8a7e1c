"""A device: the real core of the client on a store that survives it, and its link to a gateway."""

import json
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from bench.frames import pong_frame, text_frame
from client import frames
from client.effects import Effects, Wait
from client.memory import MemoryStore
from client.message_ids import minted
from client.messages import Tick, direct_conversation
from client.options import Options
from client.state import State
from edge.websocket import ClientSocket
from tests.simulation.gateway import INBOX_MAX, SimulatedGateway, Wire
from tests.simulation.tokens import Token

EVERYTHING = 1 << 40
_ANSWER_MS = 15_000
_OPTIONS = Options()


@dataclass
class Link:
    """A connection; frames of the device wait in `up`."""

    gateway: SimulatedGateway
    socket: ClientSocket
    wire: Wire
    up: deque[bytes] = field(default_factory=deque)
    tokens: dict[bytes, Token] = field(default_factory=dict)
    """Which token each frame on its way up holds, for those that hold one."""
    unanswered: Counter[str] = field(default_factory=Counter)
    """How often each message was sent here, less how often it was answered here."""
    until: float = 0.0
    """Until the last of the tokens ends that were believed."""

    @property
    def is_let_in(self) -> bool:
        """Whether its gateway takes it for somebody."""
        open_ = not self.socket._closing and self.wire.closed is None
        return open_ and self.socket.principal is not None


class Pause(NamedTuple):
    """A wait of the core, and until when it lasts: at least, and with the jitter that was drawn."""

    wait: Wait
    ends_at_least: float
    ends_at: float


class Device:
    """One device of one user; `clock` gives the seconds of the world."""

    def __init__(
        self, user_id: str, device_id: str, clock: Callable[[], float], random: Random
    ) -> None:
        self._clock = clock
        self._random = random
        self.user_id = user_id
        self.device_id = device_id
        self.store = MemoryStore()
        self.state = State()
        self.link: Link | None = None
        self.online = False
        self.shift_ms = 0
        """By how much it takes the time for another than it is."""
        self.pauses: list[Pause] = []
        self.written: dict[str, list[str]] = {}
        """Bodies by the other user, in the order of writing."""
        self.handed: list[tuple[str, int, str]] = []
        """Conversation, seq and body of each message as the application got it."""
        self.accepted: dict[str, int] = {}
        """Bodies that the device was told are accepted, with their seq."""
        self.closes: list[int] = []
        """The codes with which gateways closed its links; 0 where one was cut."""
        self.links: list[Link] = []
        """Every connection that it had."""
        self.unread: dict[str, int] = {}
        """What it counted as unread by itself, before it asked for an inbox at the end."""
        self.ticks: dict[str, Tick] = {}
        """How far the newest message of its user had come in each conversation, as it was told."""
        self.inbox: dict[str, frames.InboxItem] = {}
        """Each conversation as the last inbox that the application asked for showed it."""
        self.asks_inbox = False
        self._cursor: str | None = None
        self._asked: tuple[str, int] | None = None
        """The question that is under way, and when it was asked."""
        self.strangers: list[str] = []
        """Conversations that it was told of and is not a member of."""

    def connect(self, gateway: SimulatedGateway, token: Token, *, by_hello: bool) -> None:
        """Open a socket; the token goes with its upgrade or in the first frame."""
        since = self.state.since
        opened = gateway.open(None if by_hello else token.text, since)
        if opened is None:
            return
        self.link = Link(gateway, *opened, until=token.until)
        self.links.append(self.link)
        if by_hello:
            self.tell("hello", token, since)

    def tell(self, kind: str, token: Token, since: str | None = None) -> None:
        """Send a token, in a frame of its own."""
        if self.link is not None:
            said = {"type": kind, "token": token.text} | ({"since": since} if since else {})
            frame = text_frame(json.dumps(said).encode())
            self.link.tokens[frame] = token
            self.link.up.append(frame)

    def disconnect(self) -> None:
        """The device knows that its connection is gone."""
        self.link = None
        self.online = False
        self.apply(self.state.disconnected())

    def crash(self) -> None:
        """The process ends and is started again: what is in the store is left."""
        self.link = None
        self.online = False
        self.pauses.clear()
        self.state = State(self.store.load())

    def forget_everything(self) -> None:
        """The user deletes what the device stored, and starts it again."""
        self.store = MemoryStore()
        self.crash()
        self.handed.clear()

    def write(self, number: int, to: str, now: int, *, looks: bool = False) -> None:
        """The user writes a message, perhaps while looking at the conversation."""
        now += self.shift_ms
        body = f"{self.user_id}/{self.device_id} {number}"
        self.written.setdefault(to, []).append(body)
        known = self.state.conversations.get(direct_conversation(self.user_id, to))
        answers = known.cursor or None if known is not None and number % 3 == 0 else None
        _, out = self.state.send(minted(now, number), to, "text", body, answers, now)
        self.apply(out)
        if looks:
            self.apply(self.state.read(direct_conversation(self.user_id, to), EVERYTHING, now))

    def read(self, now: int) -> None:
        """The user reads everything that is here."""
        for conversation_id in list(self.state.conversations):
            self.apply(self.state.read(conversation_id, EVERYTHING, now))

    def receive(self, now: int) -> None:
        """Take the next frame, or see that the connection has ended."""
        assert self.link is not None
        wire = self.link.wire
        if wire.writing_paused:
            return
        while wire.pings:
            wire.pings -= 1
            self.link.up.append(pong_frame(b""))
        if wire.down:
            self.take(wire.down.pop(0), now)
        elif wire.closed is not None:
            self.closes.append(wire.closed)
            self.disconnect()

    def take(self, data: bytes, now: int) -> None:
        """Take one frame."""
        now += self.shift_ms
        frame = frames.decode(data)
        if self.link is not None and isinstance(
            frame, frames.Accepted | frames.Rejected | frames.Error
        ):
            self.link.unanswered[frame.id or ""] -= 1
        self._note(frame)
        if isinstance(frame, frames.Welcome):
            self.online = True
            self._asked = None
            self.apply(self.state.connected(frame, now))
        elif self.online:
            self.apply(self.state.receive(frame, now))

    def look_at_the_end(self) -> None:
        """The application notes what it shows, and wants to see what the server says."""
        self.unread = {
            conversation.id: self.store.unread(conversation.id, conversation.read, self.user_id)
            for conversation in self.state.conversations.values()
            if conversation.cursor
        }
        self.ticks = {
            conversation.id: conversation.tick(self.user_id, conversation.mine)
            for conversation in self.state.conversations.values()
            if conversation.mine
        }
        self.inbox, self._cursor, self.asks_inbox = {}, None, True

    def ask_inbox(self, now: int) -> None:
        """The application asks for the next page; after a pause once more, when it got none."""
        late = self._asked is not None and now - self._asked[1] > _ANSWER_MS
        if self.asks_inbox and self.online and (self._asked is None or late):
            request_id = self.state.sync.next_request_id()
            self._asked = (request_id, now)
            if self.link is not None:
                page = frames.inbox(request_id, INBOX_MAX, self._cursor)
                self.link.up.append(text_frame(page))

    def wake(self, now: int, *, early: bool = False) -> None:
        """Go on where a pause is over; `early` is as if the least jitter had been drawn."""
        now += self.shift_ms
        instant = self._clock()
        pauses, self.pauses = self.pauses, []
        for pause in pauses:
            if (pause.ends_at_least if early else pause.ends_at) <= instant:
                wait = pause.wait
                self.apply(self.state.wake(wait.topic, wait.conversation_id, now))
            else:
                self.pauses.append(pause)

    def apply(self, out: Effects) -> None:
        """Carry out what the core wants, in its order."""
        self.store.save(out.changes)
        if self.link is not None and self.online:
            self.link.up.extend(text_frame(one) for one in out.frames)
            said = map(json.loads, out.frames)
            self.link.unanswered.update(one["id"] for one in said if one["type"] == "send")
        self.pauses += map(self._paused, out.waits)
        for arrival, message in self.store.unhanded(1_000):
            self.handed.append((message.conversation_id, message.seq, message.body))
            self.store.handed(arrival)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to send or to ask."""
        state = self.state
        if self.asks_inbox:
            return False
        return self.online and not state.unsent and state.caught_up and not state.refresh.unanswered

    def _paused(self, wait: Wait) -> Pause:
        """As the shell of the client does it: what the server asked for is the least."""
        seconds = _OPTIONS.backoff(wait.attempt, self._random, wait.at_least_seconds)
        now = self._clock()
        return Pause(wait, now + wait.at_least_seconds, now + seconds)

    def _note(self, frame: object) -> None:
        if isinstance(frame, frames.Inbox) and self._asked and frame.id == self._asked[0]:
            self.inbox |= {item.conversation_id: item for item in frame.conversations}
            self._asked, self._cursor = None, frame.next
            self.asks_inbox = frame.next is not None
        conversation_id = getattr(frame, "conversation_id", None)
        if isinstance(frame, frames.Rejected):
            return  # it names what was asked for
        if conversation_id is not None and self.user_id not in conversation_id.split(":")[1:]:
            self.strangers.append(conversation_id)
        if isinstance(frame, frames.Accepted):
            entry = self.state.outbox.entries.get(frame.id)
            if entry is not None:
                self.accepted[entry.body] = frame.seq
