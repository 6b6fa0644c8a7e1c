"""Ann, Bob and their conversation: examples that tests start from. Times differ on purpose."""

from events.codec import EVENTS, Codec, schema_of
from events.ids import direct_conversation, timed_id
from events.messages import MessageSubmitted
from events.queries import HistoryRequested, InboxRequested

ANN, BOB, EVE = "ann", "bob", "eve"
PHONE, LAPTOP = "phone", "laptop"
CONVERSATION = direct_conversation(ANN, BOB)
NOON = 1_763_726_400_000
"""2025-11-21 12:00 UTC in milliseconds."""


def message_id(number: int, at: int = NOON) -> str:
    """The client's id of its message with this number, made at an instant in milliseconds."""
    return timed_id(at, number)


def submitted(number: int = 1, **changes: object) -> MessageSubmitted:
    """Ann's phone submits its message of this number to Bob."""
    fields: dict[str, object] = {
        "conversation_id": CONVERSATION,
        "sender_id": ANN,
        "device_id": PHONE,
        "client_message_id": message_id(number),
        "kind": "text",
        "body": f"message {number}",
    }
    return MessageSubmitted(**(fields | changes))  # type: ignore[arg-type]


def inbox_asked(user_id: str = ANN, **changes: object) -> InboxRequested:
    """A user's phone asks for its inbox."""
    fields = _asker(user_id) | {"limit": 50} | changes
    return InboxRequested(**fields)  # type: ignore[arg-type]


def history_asked(conversation_id: str, user_id: str = ANN, **changes: object) -> HistoryRequested:
    """A user's phone asks for a page of a conversation."""
    fields = _asker(user_id) | {"conversation_id": conversation_id, "limit": 50} | changes
    return HistoryRequested(**fields)  # type: ignore[arg-type]


def _asker(user_id: str) -> dict[str, object]:
    return {
        "request_id": "1",
        "user_id": user_id,
        "device_id": PHONE,
        "gateway_id": "gateway-1",
        "gateway_epoch": "epoch",
        "session_id": 1,
    }


def codec(*, remembers: bool = True) -> Codec:
    """A codec with ids of its own, for tests without a registry."""
    ids = (
        (number, name, schema_of(event)) for number, (name, event) in enumerate(EVENTS.items(), 1)
    )
    return Codec(ids, remembers=remembers)
