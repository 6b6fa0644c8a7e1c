"""What an application sees: messages, ticks, and the news about them.

Instants are milliseconds since 1970-01-01 UTC, by the server's clock.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from client.frames import Event

UNREAD_MAX = 1_000
"""Stands for any larger number of unread messages, as it does in the inbox of the server."""


class Tick(IntEnum):
    """How far a message of one's own has come; it never goes back."""

    WAITING = 0
    SENT = 1
    DELIVERED = 2
    READ = 3


class Link(StrEnum):
    """The state of the connection."""

    OFFLINE = "offline"
    CONNECTING = "connecting"
    ONLINE = "online"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Message:
    """A message at its place in a conversation."""

    conversation_id: str
    seq: int
    id: str
    sender_id: str
    device_id: str
    kind: str
    body: str
    reply_to: int | None
    sent_at: int

    @classmethod
    def of(cls, event: Event) -> "Message":
        """The message that a fact tells of."""
        return cls(
            event.conversation_id,
            event.seq,
            event.id,
            event.sender_id,
            event.device_id,
            event.kind,
            event.body,
            event.reply_to,
            event.sent_at,
        )


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The connection came or went; `detail` says to where, or why."""

    link: Link
    detail: str = ""


@dataclass(frozen=True, slots=True)
class MessageAccepted:
    """A message of this device got its place: the first tick."""

    order: int
    id: str
    conversation_id: str
    seq: int
    sent_at: int


@dataclass(frozen=True, slots=True)
class MessageRefused:
    """A message of this device was refused for good."""

    order: int
    id: str
    conversation_id: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class MessageRenamed:
    """A message of this device goes on under a new id: the old one is too old to be retried."""

    order: int
    id: str


@dataclass(frozen=True, slots=True)
class MarkerMoved:
    """A member's watermark rose: the second or third tick of everything up to seq."""

    conversation_id: str
    user_id: str
    delivered: int
    read: int
    at: int = 0


@dataclass(frozen=True, slots=True)
class Arrived:
    """Messages are in the store, ready for the application."""

    conversation_id: str
    count: int


@dataclass(frozen=True, slots=True)
class ChatsListed:
    """The server has said how some conversations stand; what they hold may be still to come."""

    count: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Something is not as it should be and the library goes on; `code` is a stable word."""

    code: str
    detail: str


Notice = (
    LinkChanged
    | MessageAccepted
    | MessageRefused
    | MessageRenamed
    | MarkerMoved
    | Arrived
    | ChatsListed
    | Problem
)


def direct_conversation(one: str, other: str) -> str:
    """The id of the direct conversation of two users."""
    low, high = (one, other) if one <= other else (other, one)
    return f"d:{low}:{high}"


def others_in(conversation_id: str, user_id: str) -> tuple[str, ...]:
    """The other members of a direct conversation; none for notes to oneself."""
    return tuple(name for name in conversation_id.split(":")[1:] if name != user_id)
