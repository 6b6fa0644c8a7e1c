"""The whole core against the model server, over a link that loses everything that it may lose.

Three devices of two users write, crash, come and go; frames wait, are lost with their connection,
are refused, or come twice. Then all is healed, and every device must have what the log has.
"""

import json
from collections import deque
from random import Random

from client import frames
from client.effects import Effects
from client.memory import MemoryStore
from client.message_ids import minted
from client.messages import Tick
from client.state import State
from tests.client.model import REMEMBERED_MS, Device, Frame, ModelServer

ANN, ANN_PHONE, BOB = ("ann", "laptop"), ("ann", "phone"), ("bob", "phone")
CONVERSATION = "d:ann:bob"


class Peer:
    """A device: the core, its store, and both directions of its link."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.store = MemoryStore()
        self.up: deque[Frame] = deque()
        self.down: deque[Frame] = deque()
        self.waits: list[tuple[str, str]] = []
        self.handed: list[tuple[str, int]] = []
        self.bodies: list[str] = []
        self.online = False
        self.state = State()

    @property
    def unfinished(self) -> bool:
        state = self.state
        return (
            state.unsent > 0
            or not state.caught_up
            or state.refresh.unanswered
            or state.marks.unanswered
        )

    def apply(self, out: Effects) -> None:
        self.store.save(out.changes)
        if self.online:
            self.up.extend(json.loads(frame) for frame in out.frames)
        self.waits += [(wait.topic, wait.conversation_id) for wait in out.waits]
        for arrival, message in self.store.unhanded(1_000):
            self.handed.append((message.conversation_id, message.seq))
            self.store.handed(arrival)

    def restart(self) -> None:
        self.online = False
        self.up.clear()
        self.down.clear()
        self.waits.clear()
        self.state = State(self.store.load())


class World:
    """The devices, the server and what happens to the frames between them."""

    def __init__(self) -> None:
        self.server = ModelServer(page_limit=3)
        self.peers = [Peer(device) for device in (ANN, ANN_PHONE, BOB)]
        self.written = 0

    def step(self, action: str, peer: Peer) -> None:
        getattr(self, action)(peer)
        self.server.now += 1

    def connect(self, peer: Peer) -> None:
        if peer.online:
            self.disconnect(peer)
        peer.online = True
        self.server.devices.add(peer.device)
        welcome = frames.decode(json.dumps(self.server.welcome(peer.device)))
        assert isinstance(welcome, frames.Welcome)
        peer.down.append(self.server.heads(peer.device[0]))
        peer.apply(peer.state.connected(welcome, self.server.now))

    def disconnect(self, peer: Peer) -> None:
        peer.online = False
        peer.up.clear()
        peer.down.clear()
        self.server.devices.discard(peer.device)
        peer.apply(peer.state.disconnected())

    def crash(self, peer: Peer) -> None:
        self.server.devices.discard(peer.device)
        peer.restart()

    def write(self, peer: Peer) -> None:
        self.written += 1
        body = f"{peer.device[0]}-{peer.device[1]}-{self.written}"
        to = "bob" if peer.device[0] == "ann" else CONVERSATION
        message_id = minted(self.server.now, self.written)
        _, out = peer.state.send(message_id, to, "text", body, None, self.server.now)
        peer.bodies.append(body)
        peer.apply(out)

    def read(self, peer: Peer) -> None:
        peer.apply(peer.state.read(CONVERSATION, 10**6, self.server.now))

    def arrive(self, peer: Peer) -> None:
        """The server takes the next frame of this device."""
        if peer.up:
            for device, frame in self.server.handle(peer.device, peer.up.popleft()):
                next(p for p in self.peers if p.device == device).down.append(frame)

    def unavailable(self, peer: Peer) -> None:
        """The gateway cannot take the next frame, and says so."""
        if peer.up:
            frame = peer.up.popleft()
            if "id" in frame:
                error = {"type": "error", "code": "unavailable", "detail": "", "id": frame["id"]}
                peer.down.append(error | {"retry_after_seconds": 1.0})

    def lose(self, peer: Peer) -> None:
        """The next message or request of this device is lost without a word."""
        if peer.up and "id" in peer.up[0]:
            peer.up.popleft()

    def receive(self, peer: Peer) -> None:
        if peer.down:
            self._receive(peer, peer.down.popleft())

    def receive_twice(self, peer: Peer) -> None:
        if peer.down:
            self._receive(peer, peer.down[0])
            self._receive(peer, peer.down.popleft())

    def miss(self, peer: Peer) -> None:
        """A live frame found no session (the registry was lost); the heads come again later."""
        if peer.down and peer.down[0]["type"] in ("event", "receipt", "accepted"):
            peer.down.popleft()
            peer.down.append(self.server.heads(peer.device[0]))

    def wake(self, peer: Peer) -> None:
        waits, peer.waits = peer.waits, []
        for topic, conversation_id in waits:
            peer.apply(peer.state.wake(topic, conversation_id, self.server.now))

    def clock(self, peer: Peer) -> None:
        self.server.now += 16_000
        peer.apply(peer.state.tick_clock(self.server.now))

    def long_night(self, peer: Peer) -> None:
        """The server forgets the ids that it remembered. What is under way by then is lost."""
        for other in self.peers:
            self.disconnect(other)
        self.server.now += REMEMBERED_MS + 60_000

    def heal(self, *, reconnect: bool) -> None:
        for peer in self.peers:
            if reconnect or not peer.online:
                self.connect(peer)
        for _ in range(200):
            for peer in self.peers:
                while peer.up or peer.down:
                    self.arrive(peer)
                    self.receive(peer)
                self.wake(peer)
            if not any(peer.up or peer.down or peer.unfinished for peer in self.peers):
                break
            for peer in self.peers:
                self.clock(peer)
        else:
            raise AssertionError("it never came to rest")

    def _receive(self, peer: Peer, frame: Frame) -> None:
        decoded = frames.decode(json.dumps(frame))
        peer.apply(peer.state.receive(decoded, self.server.now))


ORDINARY = ("write", "arrive", "arrive", "receive", "receive", "wake")
FAULTS = (
    *("disconnect", "crash", "read", "receive_twice", "unavailable", "lose", "miss", "clock"),
    "long_night",
)


def check(world: World) -> None:
    log = world.server.log[CONVERSATION]
    bodies = [event["body"] for event in log]
    for peer in world.peers:
        assert peer.state.unsent == 0, "a message was not sent"
        mine = [body for body in bodies if body in peer.bodies]
        assert mine == peer.bodies, "lost, doubled or reordered on the way in"
        assert peer.handed == [(CONVERSATION, n + 1) for n in range(len(log))], "the view"
        history = peer.store.history(CONVERSATION, None, 10_000)
        assert [message.body for message in history] == bodies
    everything = sorted(body for peer in world.peers for body in peer.bodies)
    assert sorted(bodies) == everything, "a message that nobody wrote, or twice"
    _check_ticks(world, log)


def _check_ticks(world: World, log: list[Frame]) -> None:
    markers = world.server.markers
    for user, other in (("ann", "bob"), ("bob", "ann")):
        newest = max((e["seq"] for e in log if e["sender_id"] == other), default=0)
        delivered = markers[CONVERSATION, user, "delivered"]
        read = markers[CONVERSATION, user, "read"]
        assert max(delivered, read) >= newest, "something is here and its sender was not told"
    for peer in world.peers:
        other = "bob" if peer.device[0] == "ann" else "ann"
        for event in log:
            if event["sender_id"] == peer.device[0]:
                read = markers[CONVERSATION, other, "read"] >= event["seq"]
                expected = Tick.READ if read else Tick.DELIVERED
                newest = max((e["seq"] for e in log if e["sender_id"] == other), default=0)
                if read or newest > event["seq"]:
                    assert peer.state.tick(CONVERSATION, event["seq"]) == expected


def test_every_device_has_what_the_log_has_whatever_the_link_does() -> None:
    for seed in range(600):
        random = Random(seed)
        world = World()
        faults = [action for action in FAULTS if random.random() < 0.4]
        actions = [*(action for action in ORDINARY for _ in range(6)), "connect", *faults, *faults]
        for _ in range(random.randrange(20, 300)):
            world.step(random.choice(actions), random.choice(world.peers))
        try:
            world.heal(reconnect=seed % 2 == 0)
            world.heal(reconnect=seed % 4 == 0)
            check(world)
        except AssertionError as error:
            raise AssertionError(f"seed {seed} with {faults}: {error}") from error


def test_ticks_that_moved_unseen_are_asked_for_until_they_are_answered() -> None:
    world = World()
    ann, _, bob = world.peers
    world.connect(ann)
    world.connect(bob)
    world.write(ann)
    world.heal(reconnect=False)
    world.server.devices.discard(ann.device)  # the registry forgets her
    world.read(bob)
    world.arrive(bob)
    world.server.devices.add(ann.device)
    ann.down.append(world.server.heads("ann"))
    world.receive(ann)
    world.unavailable(ann)
    world.receive(ann)
    world.wake(ann)
    world.lose(ann)
    assert ann.state.tick(CONVERSATION, 1) is Tick.DELIVERED

    world.heal(reconnect=False)

    assert ann.state.tick(CONVERSATION, 1) is Tick.READ
