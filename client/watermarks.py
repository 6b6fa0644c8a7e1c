"""How far everybody is: this user's watermarks as told to the server, and those of the others.

They only rise. One's own are repeated after a reconnect until the server is known to have them.
Pure.
"""

from client import frames
from client.conversations import Conversation
from client.effects import ConversationChanged, Effects, MarkersChanged
from client.messages import MarkerMoved


def moved(
    conversation: Conversation, me: str, marker: frames.Markers, at: int, out: Effects
) -> None:
    """The server says how far a member is."""
    if marker.user_id == me:
        _own(conversation, me, marker, out)
    elif conversation.raise_marker(marker.user_id, marker.delivered, marker.read):
        new = conversation.markers[marker.user_id]
        out.changes.append(MarkersChanged(conversation.id, marker.user_id, *new))
        out.notices.append(MarkerMoved(conversation.id, marker.user_id, *new, at))


def saved(conversation: Conversation) -> ConversationChanged:
    """Where this device is, to be kept."""
    return ConversationChanged(
        conversation.id,
        conversation.cursor,
        conversation.delivered,
        conversation.read,
        conversation.mine,
        conversation.unsettled,
    )


def _own(conversation: Conversation, me: str, marker: frames.Markers, out: Effects) -> None:
    """This user's watermarks as the server has them: by another device, or ours confirmed."""
    conversation.confirm(marker.delivered, marker.read)
    settles = conversation.unsettled and conversation.is_confirmed
    if settles:
        conversation.unsettled = False
    if marker.read > conversation.read:
        conversation.read = marker.read
        out.notices.append(MarkerMoved(conversation.id, me, marker.delivered, marker.read))
    elif not settles:
        return
    out.changes.append(saved(conversation))
