"""Receipts: the frames that say how far a device has a conversation. Pure."""

from edge.fields import ConversationId, Frame, Id, Problem, Seq, bad, is_conversation
from edge.tokens import Principal
from events.receipts import Marker, MarkerKind

MARKS_MAX = 200
"""Watermarks in one `marks` frame."""

Watermark = tuple[ConversationId, Seq]


class Delivered(Frame, frozen=True, gc=False, tag="delivered"):
    """Everything up to seq has reached this device."""

    conversation_id: ConversationId
    seq: Seq


class Read(Frame, frozen=True, gc=False, tag="read"):
    """Everything up to seq was read by this user."""

    conversation_id: ConversationId
    seq: Seq


class Marks(Frame, frozen=True, kw_only=True, gc=False, tag="marks"):
    """Many watermarks at once, each a conversation and a seq; `marked` says that the log has them.

    At most 200 of both kinds together.
    """

    id: Id
    delivered: tuple[Watermark, ...] = ()
    read: tuple[Watermark, ...] = ()


def check_one(frame: Delivered | Read) -> Problem | None:
    """What is wrong with it."""
    if not is_conversation(frame.conversation_id):
        return bad(None, "`conversation_id` is no id.")
    return None


def check_all(frame: Marks) -> Problem | None:
    """What is wrong with it."""
    marks = (*frame.delivered, *frame.read)
    if not 1 <= len(marks) <= MARKS_MAX:
        return bad(frame.id, f"A frame holds 1 to {MARKS_MAX} watermarks.")
    if not all(is_conversation(conversation_id) for conversation_id, _ in marks):
        return bad(frame.id, "One of the conversations is no id.")
    return None


def one_marker(frame: Delivered | Read, sender: Principal) -> tuple[Marker, ...]:
    """What it says."""
    kind: MarkerKind = "read" if type(frame) is Read else "delivered"
    return (_marker(sender, kind, frame.conversation_id, frame.seq),)


def all_markers(frame: Marks, sender: Principal) -> tuple[Marker, ...]:
    """All that it says."""
    delivered = (_marker(sender, "delivered", *mark) for mark in frame.delivered)
    read = (_marker(sender, "read", *mark) for mark in frame.read)
    return (*delivered, *read)


def _marker(sender: Principal, kind: MarkerKind, conversation_id: str, seq: int) -> Marker:
    return Marker(
        conversation_id=conversation_id,
        user_id=sender.user_id,
        device_id=sender.device_id,
        kind=kind,
        seq=seq,
    )


FRAMES = {"delivered": Delivered, "read": Read, "marks": Marks}
CHECK = {Delivered: check_one, Read: check_one, Marks: check_all}
MARK = {Delivered: one_marker, Read: one_marker, Marks: all_markers}
