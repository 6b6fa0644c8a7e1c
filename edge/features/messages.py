"""Messages: the frame `send`, and the submission that it becomes. Pure."""

from edge.fields import ConversationId, Frame, Id, Problem, Seq, bad, is_conversation
from edge.tokens import Principal
from events.frames import ErrorCode
from events.ids import direct_conversation, is_name, made_at
from events.messages import MessageSubmitted

BODY_BYTES_MAX = 65_536
"""Of UTF-8, in one message."""

KINDS = frozenset(("text",))


class Send(Frame, frozen=True, kw_only=True, gc=False, tag="send"):
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


def check(frame: Send) -> Problem | None:
    """What is wrong with it."""
    if made_at(frame.id) is None:
        return bad(frame.id, "`id` is not a lower-case UUID of version 7.")
    if (frame.to is None) is (frame.conversation_id is None):
        return bad(frame.id, "Either `to` or `conversation_id` is given.")
    if not is_conversation(frame.to or frame.conversation_id or ""):
        return bad(frame.id, "`to` or `conversation_id` is no id.")
    if frame.to is not None and ":" not in frame.to and not is_name(frame.to):
        return bad(frame.id, "`to` is no user id.")
    if frame.after is not None and made_at(frame.after) is None:
        return bad(frame.id, "`after` is not a lower-case UUID of version 7.")
    if frame.kind not in KINDS:
        return bad(frame.id, "There is no such kind of message.")
    if not frame.body:
        return bad(frame.id, "The body is empty.")
    if len(frame.body) * 4 > BODY_BYTES_MAX and len(frame.body.encode()) > BODY_BYTES_MAX:
        return Problem(
            ErrorCode.TOO_LARGE,
            f"A message holds at most {BODY_BYTES_MAX} bytes.",
            frame.id,
        )
    return None


def submission(frame: Send, sender: Principal) -> MessageSubmitted:
    """What is submitted for it."""
    conversation_id = frame.conversation_id or frame.to or ""
    if frame.to is not None and ":" not in frame.to:
        conversation_id = direct_conversation(sender.user_id, frame.to)
    return MessageSubmitted(
        conversation_id=conversation_id,
        sender_id=sender.user_id,
        device_id=sender.device_id,
        client_message_id=frame.id,
        kind=frame.kind,
        body=frame.body,
        reply_to_seq=frame.reply_to,
        after=frame.after,
    )


FRAMES = {"send": Send}
CHECK = {Send: check}
SUBMIT = {Send: submission}
