"""What clients may say: the client frames of protocol `chat.v1.json`, and how text becomes one.

In: the text of one WebSocket message. Out: a frame, or a Problem with the error code to answer.
A field that a frame does not know is refused by name: a question whose cursor was ignored would be
answered wrongly, and its client would not know. Pure.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from edge.features.messages import BODY_BYTES_MAX
from edge.fields import (
    ConversationId,
    Cursor,
    Frame,
    Id,
    Opaque,
    Problem,
    Seq,
    bad,
    is_conversation,
)
from edge.strict_json import NotTaken, decode, id_of
from events.features import table
from events.frames import ErrorCode
from events.queries import INBOX_MAX, PAGE_MAX
from events.text import cut

FRAME_BYTES_MAX = 4 * BODY_BYTES_MAX + 4_096
"""One WebSocket message. JSON may escape: any real text grows by less than 4; only a body made
mostly of control characters, each written as six bytes, meets this limit before that of bodies."""

_DETAIL_MAX = 300
"""Characters of what is said about a field that is wrong."""


class Hello(Frame, frozen=True, gc=False, tag="hello"):
    """The first frame of a client that sent no Authorization header.

    `since` is the token of the last heads that this device received completely.
    """

    token: str
    since: Opaque | None = None


class Token(Frame, frozen=True, gc=False, tag="token"):
    """A fresh token for the same device, before the old one expires.

    Answered with `token`, or with an error that carries its `id`; the session continues either way.
    """

    token: str
    id: Id | None = None


class Fetch(Frame, frozen=True, kw_only=True, gc=False, tag="fetch"):
    """Facts of a conversation after or before a seq, once history holds `up_to`."""

    id: Id
    conversation_id: ConversationId
    after: Cursor | None = None
    before: Seq | None = None
    up_to: Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = PAGE_MAX


class Inbox(Frame, frozen=True, kw_only=True, gc=False, tag="inbox"):
    """The newest conversations; with the `next` of the last answer as cursor, those after them."""

    id: Id
    limit: Annotated[int, Meta(ge=1, le=INBOX_MAX)] = INBOX_MAX
    cursor: Opaque | None = None


class Heads(Frame, frozen=True, kw_only=True, gc=False, tag="heads"):
    """The heads that follow those of a `heads` frame, whose `next` is the cursor."""

    id: Id
    cursor: Opaque


TYPES: dict[str, type[Frame]] = {
    "hello": Hello,
    "token": Token,
    **table("edge.features", "FRAMES"),
    "fetch": Fetch,
    "inbox": Inbox,
    "heads": Heads,
}
"""Every client frame by its `type`."""


def parse(text: str) -> Frame | Problem:
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
    check = _CHECK.get(kind)
    fault: Problem | None = None if check is None else check(frame)
    return frame if fault is None else fault


def _check_fetch(frame: Fetch) -> Problem | None:
    if not is_conversation(frame.conversation_id):
        return bad(frame.id, "`conversation_id` is no id.")
    if (frame.after is None) is (frame.before is None):
        return bad(frame.id, "Either `after` or `before` is given.")
    return None


_CHECK: dict[type[Frame], Any] = {**table("edge.features", "CHECK"), Fetch: _check_fetch}


def _id_of(value: dict[str, Any]) -> str | None:
    found = value.get("id")
    return found if type(found) is str and len(found) <= 64 else None
