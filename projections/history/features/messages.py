"""Messages as rows. Pure."""

from events.messages import MessageSent
from projections.history.rows import TimelineRow


def rows(sent: MessageSent, bucket: int, position: int) -> list[TimelineRow]:
    """One row for each message."""
    return [
        TimelineRow(
            sent.conversation_id,
            bucket,
            sent.seq,
            sent.message_number,
            sent.sender_id,
            sent.device_id,
            sent.client_message_id,
            sent.kind,
            sent.body,
            sent.reply_to_seq,
            sent.sent_at,
            position,
        )
    ]


ROWS = {MessageSent: rows}
