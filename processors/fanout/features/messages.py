"""Messages: the sending device gets `accepted`, every other device of every member the message."""

from collections.abc import Sequence

from events import frames
from events.messages import MessageSent
from processors.fanout.receivers import Sessions, Shown, of_device, of_members


def shown(event: MessageSent, members: Sequence[str], sessions: Sessions) -> Shown:
    """Its frames."""
    own = of_device(sessions, event.sender_id, event.device_id)
    if own:
        yield frames.accepted(event), own
    others = [one for one in of_members(sessions, members) if one not in own]
    if others:
        yield frames.event(event), others


SHOWN = {MessageSent: shown}
