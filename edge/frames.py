"""What clients may say: the client frames of protocol `chat.v1.json`, and how text becomes one.

In: the text of one WebSocket message. Out: a frame, or a Problem with the error code to answer.
A field that a frame does not know is refused by name: a question whose cursor was ignored would be
answered wrongly, and its client would not know. Pure.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from edge.strict_json import INTEGER_MAX, NotTaken, decode, id_of
from events.frames import ErrorCode
from events.ids import is_name, made_at
from events.queries import INBOX_MAX, PAGE_MAX
from events.text import cut

BODY_BYTES_MAX = 65_536
"""Of UTF-8, in one message."""

FRAME_BYTES_MAX = 4 * BODY_BYTES_MAX + 4_096
"""One WebSocket message. JSON may escape: any real text grows by less than 4; only a body made
mostly of control characters, each written as six bytes, meets this limit before that of bodies."""

MARKS_MAX = 200
"""Watermarks in one `marks` frame."""

KINDS = frozenset(("text",))
_CONVERSATION_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-:")

_DETAIL_MAX = 300
"""Characters of what is said about a field that is wrong."""

Seq = Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
Cursor = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
Id = Annotated[str, Meta(min_length=1, max_length=64)]
Opaque = Annotated[str, Meta(min_length=1, max_length=128)]
"""What the server gave out and alone understands: a cursor, or a token of heads."""
ConversationId = Annotated[str, Meta(min_length=1, max_length=160)]

Watermark = tuple[ConversationId, Seq]


class _Frame(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """What all client frames have in common."""


class Hello(_Frame, frozen=True, gc=False, tag="hello"):
    """The first frame of a client that sent no Authorization header.

    `since` is the token of the last heads that this device received completely.
    """

    token: str
    since: Opaque | None = None


class Token(_Frame, frozen=True, gc=False, tag="token"):
    """A fresh token for the same device, before the old one expires.

    Answered with `token`, or with an error that carries its `id`; the session continues either way.
    """

    token: str
    id: Id | None = None


class Send(_Frame, frozen=True, kw_only=True, gc=False, tag="send"):
    """A message. `to` names a user (or a conversation); otherwise `conversation_id` is given.

    `id` is a UUID of version 7, created by the server's clock; a message that is resent keeps it.
    """

    id: Id
    to: ConversationId | None = None
    conversation_id: ConversationId | None = None
    kind: str = "text"
    body: str
    reply_to: Seq | None = None
    after: Id | None = None


class Delivered(_Frame, frozen=True, gc=False, tag="delivered"):
    """Everything up to seq has reached this device."""

    conversation_id: ConversationId
    seq: Seq


class Read(_Frame, frozen=True, gc=False, tag="read"):
    """Everything up to seq was read by this user."""

    conversation_id: ConversationId
    seq: Seq


class Marks(_Frame, frozen=True, kw_only=True, gc=False, tag="marks"):
    """Many watermarks at once, each a conversation and a seq; `marked` says that the log has them.

    At most 200 of both kinds together.
    """

    id: Id
    delivered: tuple[Watermark, ...] = ()
    read: tuple[Watermark, ...] = ()


class Fetch(_Frame, frozen=True, kw_only=True, gc=False, tag="fetch"):
    """Facts of a conversation after or before a seq, once history holds `up_to`."""

    id: Id
    conversation_id: ConversationId
    after: Cursor | None = None
    before: Seq | None = None
    up_to: Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = PAGE_MAX


class Inbox(_Frame, frozen=True, kw_only=True, gc=False, tag="inbox"):
    """The newest conversations; with the `next` of the last answer as cursor, those after them."""

    id: Id
    limit: Annotated[int, Meta(ge=1, le=INBOX_MAX)] = INBOX_MAX
    cursor: Opaque | None = None


class Heads(_Frame, frozen=True, kw_only=True, gc=False, tag="heads"):
    """The heads that follow those of a `heads` frame, whose `next` is the cursor."""

    id: Id
    cursor: Opaque


ClientFrame = Hello | Token | Send | Delivered | Read | Marks | Fetch | Inbox | Heads

TYPES: dict[str, type[ClientFrame]] = {
    "hello": Hello,
    "token": Token,
    "send": Send,
    "delivered": Delivered,
    "read": Read,
    "marks": Marks,
    "fetch": Fetch,
    "inbox": Inbox,
    "heads": Heads,
}
"""Every client frame by its `type`."""


class Problem(Struct, frozen=True, gc=False):
    """A frame that is not taken.

    What is no frame at all is a strike: no client of this protocol says it, and some in a row end
    the socket. A frame with wrong contents is none: it is answered, and others may follow.
    """

    code: ErrorCode
    detail: str
    request_id: str | None = None
    strike: bool = False


def parse(text: str) -> ClientFrame | Problem:
    """The frame in a text, or what is wrong with it."""
    try:
        value = decode(text)
    except NotTaken as error:
        return Problem(ErrorCode.BAD_REQUEST, str(error), id_of(text), strike=True)
    if type(value) is not dict:
        return Problem(ErrorCode.BAD_REQUEST, "A frame is a JSON object.", strike=True)
    name = value.get("type")
    if type(name) is not str:
        return Problem(ErrorCode.BAD_REQUEST, "A frame has a `type`.", _id_of(value), strike=True)
    kind = TYPES.get(name)
    if kind is None:
        return Problem(ErrorCode.UNKNOWN_TYPE, "There is no such type of frame.", _id_of(value))
    try:
        frame = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        # It names the field at fault, and a client may name one as it likes.
        return Problem(ErrorCode.BAD_REQUEST, cut(str(error), _DETAIL_MAX), _id_of(value))
    fault: Problem | None = _CHECKS[kind](frame)
    return frame if fault is None else fault


def _check_send(frame: Send) -> Problem | None:
    if made_at(frame.id) is None:
        return _bad(frame, "`id` is not a lower-case UUID of version 7.")
    if (frame.to is None) is (frame.conversation_id is None):
        return _bad(frame, "Either `to` or `conversation_id` is given.")
    if not is_conversation(frame.to or frame.conversation_id or ""):
        return _bad(frame, "`to` or `conversation_id` is no id.")
    if frame.to is not None and ":" not in frame.to and not is_name(frame.to):
        return _bad(frame, "`to` is no user id.")
    if frame.after is not None and made_at(frame.after) is None:
        return _bad(frame, "`after` is not a lower-case UUID of version 7.")
    if frame.kind not in KINDS:
        return _bad(frame, "There is no such kind of message.")
    if not frame.body:
        return _bad(frame, "The body is empty.")
    if len(frame.body) * 4 > BODY_BYTES_MAX and len(frame.body.encode()) > BODY_BYTES_MAX:
        return Problem(
            ErrorCode.TOO_LARGE,
            f"A message holds at most {BODY_BYTES_MAX} bytes.",
            frame.id,
        )
    return None


def _check_marker(frame: Delivered | Read) -> Problem | None:
    if not is_conversation(frame.conversation_id):
        return Problem(ErrorCode.BAD_REQUEST, "`conversation_id` is no id.")
    return None


def _check_marks(frame: Marks) -> Problem | None:
    marks = (*frame.delivered, *frame.read)
    if not 1 <= len(marks) <= MARKS_MAX:
        return _bad(frame, f"A frame holds 1 to {MARKS_MAX} watermarks.")
    if not all(is_conversation(conversation_id) for conversation_id, _ in marks):
        return _bad(frame, "One of the conversations is no id.")
    return None


def _check_fetch(frame: Fetch) -> Problem | None:
    if not is_conversation(frame.conversation_id):
        return _bad(frame, "`conversation_id` is no id.")
    if (frame.after is None) is (frame.before is None):
        return _bad(frame, "Either `after` or `before` is given.")
    return None


def _check_nothing(_: Any) -> Problem | None:
    return None


_CHECKS: dict[type[ClientFrame], Any] = {
    Hello: _check_nothing,
    Token: _check_nothing,
    Send: _check_send,
    Delivered: _check_marker,
    Read: _check_marker,
    Marks: _check_marks,
    Fetch: _check_fetch,
    Inbox: _check_nothing,
    Heads: _check_nothing,
}


def is_conversation(text: str) -> bool:
    """Whether the text may be a conversation id; who may use it, admission decides."""
    return _CONVERSATION_CHARACTERS.issuperset(text)


def _bad(frame: Send | Fetch | Marks, detail: str) -> Problem:
    return Problem(ErrorCode.BAD_REQUEST, detail, frame.id)


def _id_of(value: dict[str, Any]) -> str | None:
    found = value.get("id")
    return found if type(found) is str and len(found) <= 64 else None
