"""What the pure core asks of its shell: first store, then send, then wait and tell.

The order is the promise: nothing is sent, and nobody is told, before the changes are in the store.
"""

from dataclasses import dataclass, field

from client.frames import Error, Inbox, Page
from client.messages import Message, Notice


@dataclass(slots=True, eq=False)
class Entry:
    """A message in the outbox. `order` never changes; the id does when the message is renewed.

    Once `first_sent_at` is set a copy of it may be anywhere, so its id stays until it is stale.
    """

    order: int
    id: str
    to: str
    conversation_id: str
    kind: str
    body: str
    reply_to: int | None
    first_sent_at: int | None = None
    waiting: bool = True
    in_flight: bool = False
    transmitted_at: int = 0
    only_copy: bool = False
    """Whether it was sent once only, to the gateway that this device is connected to."""
    stale: bool = False
    previous: "Entry | None" = None
    following: "Entry | None" = None


@dataclass(frozen=True, slots=True)
class IdentityLearnt:
    """Whose device this is; it never changes afterwards."""

    user_id: str
    device_id: str


@dataclass(frozen=True, slots=True)
class EntryQueued:
    """A message entered the outbox."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class EntryChanged:
    """An outbox entry has a new id, conversation or time of first sending."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class EntrySettled:
    """A message left the outbox: it is in the log."""

    order: int


@dataclass(frozen=True, slots=True)
class EntryRefused:
    """A message left the outbox: it was refused for good."""

    order: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class MessageStored:
    """A message is next in its conversation, to be kept and handed to the application."""

    message: Message


@dataclass(frozen=True, slots=True)
class ConversationChanged:
    """Where this device is in a conversation."""

    conversation_id: str
    cursor: int
    delivered: int
    read: int
    mine: int
    unsettled: bool


@dataclass(frozen=True, slots=True)
class MarkersChanged:
    """How far a member is in a conversation."""

    conversation_id: str
    user_id: str
    delivered: int
    read: int


@dataclass(frozen=True, slots=True)
class HeadsTold:
    """Everything up to this token of heads is stored; the next connection begins from there."""

    token: str


Change = (
    IdentityLearnt
    | EntryQueued
    | EntryChanged
    | EntrySettled
    | EntryRefused
    | MessageStored
    | ConversationChanged
    | MarkersChanged
    | HeadsTold
)


@dataclass(frozen=True, slots=True)
class Wait:
    """Call `wake(topic, conversation_id)` after a jittered back-off for this attempt."""

    topic: str
    conversation_id: str
    attempt: int
    at_least_seconds: float = 0.0


@dataclass(slots=True)
class Effects:
    """What is to be done after one step of the core, in the order of the fields."""

    changes: list[Change] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    answers: list[tuple[str, Page | Inbox | Error]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
