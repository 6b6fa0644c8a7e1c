"""Messages: what may be said, and how messages are counted. Pure."""

from events.frames import RejectionCode
from events.messages import MessageSent, MessageSubmitted
from processors.admission.conversation import ConversationState
from processors.admission.place import Place, Refusal

BODY_BYTES_MAX = 65_536
KINDS = frozenset({"text"})


def decide(
    conversation: ConversationState, submitted: MessageSubmitted, seq: int, place: Place
) -> MessageSent | Refusal:
    """The message as the next fact of its conversation."""
    if submitted.kind not in KINDS:
        return Refusal(RejectionCode.UNKNOWN_KIND, "This server knows no such kind of message.")
    if len(submitted.body.encode()) > BODY_BYTES_MAX:
        return Refusal(RejectionCode.TOO_LARGE, f"A message holds at most {BODY_BYTES_MAX} bytes.")
    if submitted.reply_to_seq is not None and submitted.reply_to_seq > conversation.seq:
        return Refusal(RejectionCode.UNKNOWN_REPLY, "There is no such message to answer.")
    return MessageSent(
        conversation_id=submitted.conversation_id,
        seq=seq,
        message_number=conversation.message_number + 1,
        sender_id=submitted.sender_id,
        device_id=submitted.device_id,
        client_message_id=submitted.client_message_id,
        kind=submitted.kind,
        body=submitted.body,
        reply_to_seq=submitted.reply_to_seq,
        sent_at=place.at,
        epoch=place.epoch,
        submission_offset=place.submission_offset,
    )


def evolve(conversation: ConversationState, sent: MessageSent) -> None:
    """Fold a message."""
    conversation.message_number = sent.message_number


DECIDE = {MessageSubmitted: decide}
EVOLVE = {MessageSent: evolve}
