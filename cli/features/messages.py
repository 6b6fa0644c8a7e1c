"""Messages as sentences. Pure."""

from typing import Any

from cli.quoting import quoted
from events.messages import MessageSent, MessageSubmitted


def asked(event: MessageSubmitted) -> str:
    """A device asks to send one."""
    return (
        f"{event.sender_id} ({event.device_id}) asks to send {quoted(event.body)} "
        f"to {event.conversation_id}"
    )


def sent(event: MessageSent) -> str:
    """It is said."""
    return (
        f"message {event.seq} of {event.conversation_id}: "
        f"{event.sender_id} says {quoted(event.body)}"
    )


def shown(content: dict[str, Any]) -> str:
    """A device is shown one."""
    return f"message {content.get('seq')} of {content.get('conversation_id')}"


SENTENCES = {MessageSubmitted: asked, MessageSent: sent}
FRAMES = {"event": shown}
