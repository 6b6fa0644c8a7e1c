"""What client frames are made of, and what is said of one that is not taken. Pure."""

from typing import Annotated

from msgspec import Meta, Struct

from edge.strict_json import INTEGER_MAX
from events.frames import ErrorCode

_CONVERSATION_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-:")

Seq = Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
Cursor = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
Id = Annotated[str, Meta(min_length=1, max_length=64)]
Opaque = Annotated[str, Meta(min_length=1, max_length=128)]
"""What the server gave out and alone understands: a cursor, or a token of heads."""
ConversationId = Annotated[str, Meta(min_length=1, max_length=160)]


class Frame(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """What all client frames have in common."""


class Problem(Struct, frozen=True, gc=False):
    """A frame that is not taken.

    What is no frame at all is a strike: no client of this protocol says it, and some in a row end
    the socket. A frame with wrong contents is none: it is answered, and others may follow.
    """

    code: ErrorCode
    detail: str
    request_id: str | None = None
    strike: bool = False


def bad(request_id: str | None, detail: str) -> Problem:
    """A frame with wrong contents."""
    return Problem(ErrorCode.BAD_REQUEST, detail, request_id)


def is_conversation(text: str) -> bool:
    """Whether the text may be a conversation id; who may use it, admission decides."""
    return _CONVERSATION_CHARACTERS.issuperset(text)
