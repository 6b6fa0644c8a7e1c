"""How long records and frames are: encoded as in production, for typical names and a body.

`python -m bench.planning.sizes` prints what belongs into `inputs.toml`; a test holds the two
together. Kafka adds some bytes a record, and once for each batch; that is an input of its own.
"""

from events import frames
from events.codec import EVENTS, Codec, schema_of
from events.deliveries import FramesRouted, RoutedFrame
from events.ids import direct_conversation
from events.messages import MessageSent, MessageSubmitted
from events.receipts import Marker, MarkersSubmitted, ReadMarkerMoved

BODY = "x" * 80
"""As `chatlog bench` sends."""
_ANN, _BOB, _PHONE = "ann-0123456789", "bob-0123456789", "phone-01"
_ID = "019aa649-1a00-7000-8000-000000000001"
_NOON = 1_763_726_400_000
_OFFSET = 10**12


def record_bytes() -> dict[str, int]:
    """Bytes of each record that a message and a receipt make, by the input's name."""
    codec = Codec(
        (number, name, schema_of(kind)) for number, (name, kind) in enumerate(EVENTS.items(), 1)
    )
    conversation = direct_conversation(_ANN, _BOB)
    submitted = MessageSubmitted(
        conversation_id=conversation,
        sender_id=_ANN,
        device_id=_PHONE,
        client_message_id=_ID,
        kind="text",
        body=BODY,
        submitted_at=_NOON,
    )
    sent = MessageSent(
        conversation_id=conversation,
        seq=1_000,
        message_number=1_000,
        sender_id=_ANN,
        device_id=_PHONE,
        client_message_id=_ID,
        kind="text",
        body=BODY,
        sent_at=_NOON,
        epoch=_OFFSET,
        submission_offset=_OFFSET,
    )
    marker = Marker(
        conversation_id=conversation, user_id=_BOB, device_id=_PHONE, kind="read", seq=1_000
    )
    moved = ReadMarkerMoved(
        conversation_id=conversation,
        user_id=_BOB,
        device_id=_PHONE,
        seq=1_000,
        moved_at=_NOON,
        epoch=_OFFSET,
    )
    event, receipt = frames.event(sent), frames.receipt(moved)
    key = len(conversation)
    return {
        "submission_bytes": key + len(codec.encode(submitted)),
        "fact_bytes": key + len(codec.encode(sent)),
        "marker_bytes": len(codec.encode(MarkersSubmitted(markers=(marker,)))),
        "move_bytes": key + len(codec.encode(moved)),
        "message_delivery_bytes": len(codec.encode(_routed(event))),
        "receipt_delivery_bytes": len(codec.encode(_routed(receipt))),
        "message_frame_bytes": len(event),
        "receipt_frame_bytes": len(receipt),
    }


def _routed(frame: bytes) -> FramesRouted:
    routed = RoutedFrame(session_ids=(2**40,), frame=frame)
    return FramesRouted(gateway_id="gateway-00001", gateway_epoch="e" * 32, frames=(routed,))


if __name__ == "__main__":
    for name, count in record_bytes().items():
        print(f"{name} = {count}")
