"""A row of the timeline."""

from typing import Any, NamedTuple


class TimelineRow(NamedTuple):
    """One fact of a conversation as it is kept. Its seq is so far the newest of its sender."""

    conversation_id: str
    bucket: int
    seq: int
    message_number: int
    sender_id: str
    device_id: str
    client_message_id: str
    kind: str
    body: str
    reply_to_seq: int | None
    sent_at: int
    position: int

    @property
    def content(self) -> tuple[Any, ...]:
        """What is kept beside the key."""
        return self[3:11]
