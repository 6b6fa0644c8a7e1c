"""Target `wire`: bytes as they come from the socket of Ann's phone, behind its upgrade.

Outcome: `open` when the socket stays open, otherwise `closed-<code>`. It is the same however the
bytes are cut; a socket that never said who it is publishes nothing; no length that a client names
makes the gateway promise to keep more than a frame may hold; nothing is 1011, a fault of ours.
"""

from types import SimpleNamespace
from typing import Any

from edge import wire
from edge.connections import Connections
from edge.effects import Ask, Mark, Submit
from edge.hub import Hub
from edge.limits import Limits
from edge.outbox import Outbox
from edge.websocket import ClientSocket
from infra.telemetry import Telemetry
from tests.fuzz.fault import must
from tests.fuzz.frames import ANN, check
from tests.fuzz.keys import FixedKeyring
from tests.simulation.gateway import Wire
from tests.simulation.loop import SimulatedLoop

_FRAMES_MAX, _BYTES_MAX = 4_096, 1 << 22
_SLOWLY_MAX = 2_000
_HEADER_BYTES = 14
_SETTINGS: Any = SimpleNamespace(heartbeat_seconds=30.0, frame_seconds=20.0)
_TELEMETRY = Telemetry("fuzz")


class Said:
    """In place of an EdgePublisher: what the socket published and marked."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def submit(self, event: Any, key: str, outcome: Any) -> None:
        check(Submit(event, key, ""))
        self.events.append(event)
        outcome(True)

    def ask(self, event: Any, key: str, outcome: Any) -> None:
        check(Ask(event, key, ""))
        self.events.append(event)
        outcome(True)

    def mark(self, marker: Any) -> None:
        check(Mark(marker))
        self.events.append(marker)

    def announce(self, topic: Any, event: Any, key: str, still: Any) -> None:
        pass


class Client:
    """One socket of a gateway; nobody but this client is there."""

    def __init__(self, known: bool) -> None:
        loop = SimulatedLoop()
        self.said = Said()
        self.wire = Wire()
        self.loop = loop
        hub: Any = Hub(
            loop=loop,
            settings=_SETTINGS,
            limits=Limits(),
            gateway_id="gateway-1",
            gateway_epoch="epoch",
            connections=Connections(loop, 30.0, devices_max=10),
            publisher=self.said,  # type: ignore[arg-type]
            keyring=FixedKeyring(),  # type: ignore[arg-type]
            telemetry=_TELEMETRY,
        )
        line: Any = self.wire
        outbox = Outbox(line, line, line, frames_max=_FRAMES_MAX, bytes_max=_BYTES_MAX)
        self.socket = ClientSocket(hub, line, outbox, "192.0.2.1")
        self.socket.open(ANN if known else None)
        if known:
            self.socket.registered()
        loop.settle()
        self.wire.down.clear()  # of the welcome, which tells the time

    def feed(self, data: bytes) -> None:
        """Some bytes came."""
        self.socket.feed_data(data)
        self.loop.settle()
        reader = self.socket._reader
        kept = len(reader._buffer or b"") + sum(map(len, reader._parts or ()))
        must(reader._needed <= wire.BYTES_MAX + _HEADER_BYTES, f"{reader._needed} bytes awaited")
        must(kept <= wire.BYTES_MAX + _HEADER_BYTES, f"{kept} bytes are kept")
        must(len(reader._parts or ()) <= wire.FRAGMENTS_MAX, "too many fragments are kept")

    @property
    def outcome(self) -> str:
        """How the socket stands now."""
        code = self.wire.closed
        must(code != 1011, "the socket met a fault of ours")
        return "open" if code is None else f"closed-{code}"


def feed(data: bytes) -> str:
    """What becomes of a socket on which these bytes come."""
    whole = _fed(data, len(data), known=True)
    for size in (1, 7):
        if len(data) <= _SLOWLY_MAX:
            other = _fed(data, size, known=True)
            must(other.outcome == whole.outcome, f"{other.outcome} when cut, else {whole.outcome}")
            must(other.said.events == whole.said.events, "it says something else when cut")
            must(other.wire.down == whole.wire.down, "it is told something else when cut")
    stranger = _fed(data, len(data), known=False)
    if stranger.socket.principal is None:
        must(not stranger.said.events, "somebody unknown was heard")
    return whole.outcome


def _fed(data: bytes, size: int, *, known: bool) -> Client:
    client = Client(known)
    for start in range(0, len(data), size or 1):
        client.feed(data[start : start + size])
    return client
