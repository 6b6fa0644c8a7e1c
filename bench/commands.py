"""What the load program is told and what it answers: one JSON object a line, either way.

Each command is answered by lines of which the last is its result, or Failed. `Load` and `Flow` are
answered by Measuring when the warm-up is over, Sent when the last message was sent, and Loaded when
every message is settled, so that whoever drives can read the clocks of processes in between.
"""

from msgspec import Struct

from bench.figures import Quantiles


class ConnectPairs(Struct, tag_field="do", frozen=True):
    """Open the sockets of so many pairs and wait until they are live."""

    count: int
    returning: bool = False
    """Whether they can be told to `Reconnect`."""


class ConnectIdle(Struct, tag_field="do", frozen=True):
    """Open so many more sockets that do nothing, and wait until they are live."""

    count: int


class Load(Struct, tag_field="do", frozen=True):
    """Send at a rate, first unmeasured, then measured; then wait until all is settled."""

    rate: float
    warm_up_seconds: float
    seconds: float
    body_bytes: int
    read_after_seconds: float
    settle_seconds_max: float


class Reconnect(Struct, tag_field="do", frozen=True):
    """Cut the sockets of all pairs, and have all come back at once, each as it is told.

    Each sends a message as soon as it is live; the other may still be on its way then.
    """

    seconds_max: float


class Storm(Struct, tag_field="do", frozen=True):
    """Begin handshakes at a rate, whatever becomes of them, and end what is granted at once."""

    rate: float
    seconds: float


class ConnectGroup(Struct, tag_field="do", frozen=True):
    """Open a group of so many members, and wait until all are in it."""

    members: int


class Flow(Struct, tag_field="do", frozen=True, kw_only=True):
    """Keep so many messages of each pair, or of the group, under way; then wait until all is
    settled. Measured messages are those that were delivered in the measured time."""

    in_flight: int
    warm_up_seconds: float
    seconds: float
    body_bytes: int
    read_after_seconds: float
    settle_seconds_max: float
    in_group: bool = False


class Finish(Struct, tag_field="do", frozen=True):
    """Close every socket and end."""


class Connected(Struct, tag_field="said", frozen=True):
    """The sockets are open and live."""

    sockets: int
    seconds: float


class Measuring(Struct, tag_field="said", frozen=True):
    """The warm-up is over."""


class Sent(Struct, tag_field="said", frozen=True):
    """The last message was sent."""

    measured_messages: int


class Settled(Struct, frozen=True, kw_only=True):
    """What became of messages, once nothing more is expected."""

    messages: int
    missing: dict[str, int]
    doubled: int
    reordered: int
    gaps: int
    problems: dict[str, int]
    settled_after_seconds: float

    @property
    def broken(self) -> int:
        """Promises that were broken: messages lost, doubled, reordered, gaps."""
        return sum(self.missing.values()) + self.doubled + self.reordered + self.gaps

    @property
    def is_whole(self) -> bool:
        """Whether every message reached every stage once, in order, with no problem on the way."""
        return not self.broken and not self.problems


class Loaded(Settled, tag_field="said", frozen=True, kw_only=True):
    """What became of a load; counts are of all messages, latencies of the measured ones."""

    measured_messages: int
    latencies: dict[str, Quantiles]
    late: Quantiles


class Reconnected(Settled, tag_field="said", frozen=True, kw_only=True):
    """Everybody is back, or was not in time."""

    devices: int
    live: Quantiles
    """From the cut until a device was live and had what it missed."""
    handshakes: dict[str, int]
    """Answers to handshakes, by status."""


class Stormed(Struct, tag_field="said", frozen=True, kw_only=True):
    """The storm is over."""

    begun: int
    outcomes: dict[str, int]
    """What became of the handshakes: a status, `lost`, or the name of an error."""
    seconds: float


class Finished(Struct, tag_field="said", frozen=True):
    """Every socket is closed; these had been ended by the gateway before."""

    ended: dict[str, int]


class Failed(Struct, tag_field="said", frozen=True):
    """The command could not be carried out; the program ends."""

    sentence: str


Command = ConnectPairs | ConnectIdle | ConnectGroup | Load | Flow | Reconnect | Storm | Finish
Answer = Connected | Measuring | Sent | Loaded | Reconnected | Stormed | Finished | Failed
