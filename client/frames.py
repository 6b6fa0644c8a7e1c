"""The wire of protocol `chat.v1.json`, as a client sees it: server frames as types, ours as bytes.

Frames of a type that this library does not know are left out, so a newer server may say more.
Close codes say what to do: 4000-4499 connect again with jitter, 4500-4999 do not.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

SUBPROTOCOL = "chat.v1.json"
_FINAL = frozenset({1002, 1003, 1007, 1008, 1009})


class Welcome(Struct, frozen=True, tag_field="type", tag="welcome"):
    """The socket is authenticated as this user and device."""

    session_id: str | int
    user_id: str
    device_id: str
    heartbeat_seconds: float
    server_time: int
    limits: dict[str, int] = {}
    token_expires_at: int = 0


class Renewed(Struct, frozen=True, tag_field="type", tag="token"):
    """A fresh token was believed: the session goes on until it expires."""

    expires_at: int
    id: str | None = None


class Heads(Struct, frozen=True, tag_field="type", tag="heads"):
    """How far each conversation goes; what comes later is delivered live."""

    heads: dict[str, int]
    more: bool = False
    next: str | None = None
    token: str | None = None
    id: str | None = None


class Accepted(Struct, frozen=True, tag_field="type", tag="accepted"):
    """A message of this device is in the log, at this seq."""

    id: str
    conversation_id: str
    seq: int
    sent_at: int


class Rejected(Struct, frozen=True, tag_field="type", tag="rejected"):
    """A message of this device was refused; `at` is the time in the log."""

    id: str
    conversation_id: str
    code: str
    detail: str = ""
    at: int = 0


class Event(Struct, frozen=True, tag_field="type", tag="event"):
    """One fact of a conversation; `event` names its kind, today always `message`."""

    conversation_id: str
    seq: int
    event: str = "message"
    number: int | None = None
    sender_id: str = ""
    device_id: str = ""
    id: str = ""
    kind: str = "text"
    body: str = ""
    reply_to: int | None = None
    sent_at: int = 0


class Receipt(Struct, frozen=True, tag_field="type", tag="receipt"):
    """A member has everything up to seq (`delivered`), or has read it (`read`)."""

    conversation_id: str
    user_id: str
    kind: str
    seq: int
    at: int = 0


class Markers(Struct, frozen=True):
    """Both watermarks of one member, as pages and inboxes carry them."""

    user_id: str
    delivered: int = 0
    read: int = 0


class Page(Struct, frozen=True, tag_field="type", tag="page"):
    """Facts of a conversation, rising by seq; `next` is where the following page begins."""

    id: str
    conversation_id: str
    events: list[Event]
    next: int | None = None
    receipts: list[Markers] = []


class Newest(Struct, frozen=True):
    """The newest message of a conversation, as an inbox shows it."""

    seq: int
    sender_id: str
    kind: str
    preview: str
    sent_at: int
    number: int | None = None
    preview_cut: bool = False


class InboxItem(Struct, frozen=True):
    """One conversation in an inbox."""

    conversation_id: str
    seq: int
    unread: int = 0
    read: int = 0
    newest: Newest | None = None
    receipts: list[Markers] = []


class Inbox(Struct, frozen=True, tag_field="type", tag="inbox"):
    """The newest conversations of the user, newest first."""

    id: str
    conversations: list[InboxItem]
    next: str | None = None


class Marked(Struct, frozen=True, tag_field="type", tag="marked"):
    """The watermarks of a frame of ours are in the log."""

    id: str


class Error(Struct, frozen=True, tag_field="type", tag="error"):
    """A frame of ours was not taken."""

    code: str
    detail: str = ""
    id: str | None = None
    retry_after_seconds: float | None = None


class Unknown(Struct, frozen=True):
    """A frame that this library does not know, and why it could not be read."""

    detail: str


ServerFrame = (
    Welcome
    | Renewed
    | Heads
    | Accepted
    | Rejected
    | Event
    | Receipt
    | Page
    | Inbox
    | Marked
    | Error
)

_decode = msgspec.json.Decoder(ServerFrame).decode
_encode = msgspec.json.Encoder().encode


def decode(data: bytes | str) -> ServerFrame | Unknown:
    """The frame in the bytes; Unknown when it is none of ours. Never raises."""
    try:
        frame: ServerFrame = _decode(data)
        return frame
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Unknown(str(error))


def send(
    message_id: str,
    to: str,
    kind: str,
    body: str,
    reply_to: int | None,
    after: str | None,
) -> bytes:
    """A message to a user or a conversation."""
    frame: dict[str, Any] = {"type": "send", "id": message_id, "to": to, "kind": kind, "body": body}
    if reply_to is not None:
        frame["reply_to"] = reply_to
    if after is not None:
        frame["after"] = after
    return _encode(frame)


def marks(
    request_id: str, delivered: Sequence[tuple[str, int]], read: Sequence[tuple[str, int]]
) -> bytes:
    """Watermarks of this device, each a conversation and a seq; answered with `marked`."""
    frame = {"type": "marks", "id": request_id, "delivered": delivered, "read": read}
    return _encode(frame)


def fetch(
    request_id: str,
    conversation_id: str,
    *,
    after: int | None = None,
    before: int | None = None,
    up_to: int | None = None,
    limit: int = 100,
) -> bytes:
    """A page of facts after or before a seq; the answer waits until history holds `up_to`."""
    frame: dict[str, Any] = {
        "type": "fetch",
        "id": request_id,
        "conversation_id": conversation_id,
        "limit": limit,
    }
    for name, value in (("after", after), ("before", before), ("up_to", up_to)):
        if value is not None:
            frame[name] = value
    return _encode(frame)


def inbox(request_id: str, limit: int, cursor: str | None = None) -> bytes:
    """The newest conversations, or those that follow a cursor."""
    frame: dict[str, Any] = {"type": "inbox", "id": request_id, "limit": limit}
    if cursor is not None:
        frame["cursor"] = cursor
    return _encode(frame)


def heads(request_id: str, cursor: str) -> bytes:
    """The heads that follow a cursor."""
    return _encode({"type": "heads", "id": request_id, "cursor": cursor})


def token(request_id: str, text: str) -> bytes:
    """A fresh token for the same user and device, before the old one ends."""
    return _encode({"type": "token", "id": request_id, "token": text})


def reconnects(close_code: int | None) -> bool:
    """Whether a socket that ended with this code is to be opened again.

    Not when the same would happen again. A code that is not known may come from whoever stands
    between client and gateway.
    """
    return close_code is None or not (close_code in _FINAL or 4500 <= close_code < 5000)
