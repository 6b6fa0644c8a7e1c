"""The Redis keys that say how far conversations go.

Sorted sets by partition of the log, so that a batch of facts costs few commands; every score only
rises (ZADD GT), so any repetition or order of writes gives the same scores. A user's conversations
are a set, complete only when it holds COMPLETE.
"""

from events.topics import partition_of

Head = tuple[int, int]
"""Newest seq and the time of its message in milliseconds."""

Marker = tuple[str, str, str]
"""Conversation, user and kind: `delivered` or `read`."""

COMPLETE = "."
"""The member of `conversations:<user>` that says that all of them were loaded; no id looks so."""

LIFE = "life"
"""A word that Redis keeps until it loses everything; by it a restorer sees that it did."""


def heads(conversation_id: str) -> str:
    """Sorted set: conversation -> newest seq."""
    return f"heads:{partition_of(conversation_id)}"


def activity(conversation_id: str) -> str:
    """Sorted set: conversation -> time of its newest message, in milliseconds."""
    return f"activity:{partition_of(conversation_id)}"


def markers(conversation_id: str) -> str:
    """Sorted set: marker -> seq."""
    return f"markers:{partition_of(conversation_id)}"


def marker(conversation_id: str, user_id: str, kind: str) -> str:
    """One member's marker of one kind, `delivered` or `read`, within `markers`."""
    return f"{conversation_id}|{user_id}|{kind}"


def conversations(user_id: str) -> str:
    """Set: the ids of a user's conversations."""
    return f"conversations:{user_id}"
