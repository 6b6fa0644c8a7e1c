"""The Redis keys that say how far conversations go, and which changed last for whom.

Scores only rise (ZADD GT), so any repetition or order of writes gives the same. All keys but `life`
end by themselves when nothing is written for long; what is absent is lost, never zero, and is
restored from Cassandra when it is asked for. docs/redis.md has one row for each of them.
"""

Marker = tuple[str, str, str]
"""Conversation, user and kind: `delivered` or `read`."""

KEPT_SECONDS = 30 * 86_400
"""A conversation or user of whom nothing is written for so long is forgotten here."""

COMPLETE = "."
"""The member of `recent` that says that it holds all conversations; no id looks so. Its score is
the change number from which on it does: tokens below it are not believed."""

HEAD = "head"
"""The member of `standing` whose score is the newest seq."""

LIFE = "life"
"""Hash: `word`, which Redis keeps until it loses everything, and `changes`, the newest number given
to a change. A number means something only beside the word."""

STANDING = "standing:"


def standing(conversation_id: str) -> str:
    """Sorted set: HEAD -> newest seq, and `user|kind` -> seq of that member's marker."""
    return f"{STANDING}{conversation_id}"


def marker(user_id: str, kind: str) -> str:
    """One member's marker of one kind within `standing`."""
    return f"{user_id}|{kind}"


def recent(user_id: str) -> str:
    """Sorted set: conversation -> number of its newest change; with COMPLETE, all of a user's."""
    return f"recent:{user_id}"
