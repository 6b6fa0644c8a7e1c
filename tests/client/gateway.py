"""The core of a client against the session of a real gateway, with its limits, in simulated time.

Behind the session stands the model server; each frame takes a while in each direction. What the
gateway refuses or closes is noted.
"""

import heapq
import itertools
import json
from random import Random
from typing import Any

from client import frames
from client.effects import Effects
from client.memory import MemoryStore
from client.messages import Notice
from client.options import Options
from client.state import State
from edge.effects import Close, MarkAll, Refuse, Reply
from edge.limits import Limits, UserRates
from edge.session import Session
from edge.tokens import Principal
from tests.client.model import ModelServer

ONE_WAY_MS = 20
CLOCK_MS = 2_000
FOREVER_SECONDS = 1e12


class Connected:
    """One device, its store, and one connection after the other."""

    def __init__(
        self, model: ModelServer, user: str, limits: Limits, users: UserRates | None = None
    ) -> None:
        self.model = model
        self.store = MemoryStore()
        self.state = State()
        self.notices: list[Notice] = []
        self.refused: list[str] = []
        self.closed: list[str] = []
        self.told: list[dict[str, Any]] = []
        """What the device said on this connection."""
        self._device = (user, "phone")
        self._limits = limits
        self._users = users or UserRates(limits)
        self._random = Random(1)
        self._due: list[tuple[int, int, str, Any]] = []
        self._order = itertools.count()
        self._session: Session | None = None

    @property
    def is_at_rest(self) -> bool:
        state = self.state
        asks = state.refresh.unanswered or state.marks.unanswered or state.unsent > 0
        return state.caught_up and not asks

    def connect(self) -> None:
        """Open a connection, a minute later: the allowance is whole again."""
        self.model.now += 60_000
        self._due.clear()
        self.told.clear()
        user, device = self._device
        self._session = Session(("gateway-1", "e"), self._limits, self._users, self._seconds())
        principal = Principal(user, device, FOREVER_SECONDS)
        self._session.authenticated(principal, 1, self._seconds(), 0.0)
        self._session.registered(0.0)
        self.model.devices.add(self._device)
        self.model.limits = dict(self._limits.announced())
        welcome = frames.decode(json.dumps(self.model.welcome(self._device)))
        assert isinstance(welcome, frames.Welcome)
        self._later(ONE_WAY_MS, "down", self.model.heads(user))
        self._later(CLOCK_MS, "clock", None)
        self.apply(self.state.connected(welcome, self.model.now))

    def disconnect(self) -> None:
        self.model.devices.discard(self._device)
        self._due.clear()
        self.apply(self.state.disconnected())

    def run(self, until: Any = None, seconds_max: float = 600.0) -> float:
        """Let time pass until something holds (by default: nothing is left to do); how long."""
        began = self.model.now
        holds = until or (lambda: self.is_at_rest)
        while not holds() and not self.closed:
            assert self.model.now - began < seconds_max * 1_000, "it takes for ever"
            self.model.now, _, kind, what = heapq.heappop(self._due)
            getattr(self, f"_{kind}")(what)
        return (self.model.now - began) / 1_000

    def apply(self, out: Effects) -> None:
        self.store.save(out.changes)
        self.notices += out.notices
        for frame in out.frames:
            self._later(ONE_WAY_MS, "up", frame)
        for wait in out.waits:
            seconds = Options().backoff(wait.attempt, self._random, wait.at_least_seconds)
            self._later(int(seconds * 1_000) + 1, "wake", wait)

    def _later(self, milliseconds: int, kind: str, what: Any) -> None:
        due = self.model.now + milliseconds
        heapq.heappush(self._due, (due, next(self._order), kind, what))

    def _up(self, encoded: bytes) -> None:
        assert self._session is not None
        frame = json.loads(encoded)
        self.told.append(frame)
        for effect in self._session.receive(encoded.decode(), self._seconds()):
            if isinstance(effect, Close):
                self.closed.append(effect.reason)
                return
            if isinstance(effect, Refuse):
                self.refused.append(effect.code.value)
                self._later(ONE_WAY_MS, "down", json.loads(effect.frame))
                return
            if isinstance(effect, Reply):
                self._later(ONE_WAY_MS, "down", json.loads(effect.frame))
                return
            if isinstance(effect, MarkAll):
                self._session.marked(effect.request_id)
            else:
                self._session.confirmed()
        for device, answer in self.model.handle(self._device, frame):
            if device == self._device:
                self._later(ONE_WAY_MS, "down", answer)

    def _down(self, frame: dict[str, Any]) -> None:
        decoded = frames.decode(json.dumps(frame))
        self.apply(self.state.receive(decoded, self.model.now))

    def _wake(self, wait: Any) -> None:
        self.apply(self.state.wake(wait.topic, wait.conversation_id, self.model.now))

    def _clock(self, _: Any) -> None:
        self._later(CLOCK_MS, "clock", None)
        self.apply(self.state.tick_clock(self.model.now))

    def _seconds(self) -> float:
        return self.model.now / 1_000
