"""Facts and moves of Ann's and Bob's conversation as projections take them; times differ."""

from events.conversations import SubmissionRejected
from events.messages import MessageSent
from events.receipts import DeliveredMarkerMoved, ReadMarkerMoved
from tests.examples import ANN, BOB, CONVERSATION, NOON, PHONE, message_id


def sent(seq: int, **changes: object) -> MessageSent:
    """The fact with this seq; Bob sends every third."""
    fields: dict[str, object] = {
        "conversation_id": CONVERSATION,
        "seq": seq,
        "message_number": seq,
        "sender_id": ANN if seq % 3 else BOB,
        "device_id": PHONE,
        "client_message_id": message_id(seq),
        "kind": "text",
        "body": f"message {seq}",
        "reply_to_seq": seq - 1 if seq % 5 == 0 else None,
        "sent_at": NOON + seq,
        "epoch": 0,
        "submission_offset": seq,
    }
    return MessageSent(**(fields | changes))  # type: ignore[arg-type]


def rejected(number: int) -> SubmissionRejected:
    """A refusal, which leaves no row."""
    return SubmissionRejected(
        conversation_id=CONVERSATION,
        sender_id=ANN,
        device_id=PHONE,
        client_message_id=message_id(number),
        code="stale",
        detail="too old",
        rejected_at=NOON,
        epoch=0,
        submission_offset=number,
    )


def moved(
    seq: int, *, read: bool, user_id: str = BOB, **changes: object
) -> DeliveredMarkerMoved | ReadMarkerMoved:
    """A marker of Bob's moved to this seq."""
    fields: dict[str, object] = {
        "conversation_id": CONVERSATION,
        "user_id": user_id,
        "device_id": PHONE,
        "seq": seq,
        "moved_at": NOON + 10 * seq,
        "epoch": 0,
    }
    kind = ReadMarkerMoved if read else DeliveredMarkerMoved
    return kind(**(fields | changes))  # type: ignore[arg-type]
