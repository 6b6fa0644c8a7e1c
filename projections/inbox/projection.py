"""First facts to the conversations of each user. Pure.

In: a fact and its position. Out: with a conversation's first fact one row for each member. The
inbox itself is made of these and of the conversations' newest rows when it is asked for.
"""

from typing import Any, NamedTuple

from events.features import FACT_TYPES
from events.members import Members
from projections.cells import Cell

_FACTS = frozenset(FACT_TYPES)


class ConversationJoined(NamedTuple):
    """A user became a member of a conversation."""

    user_id: str
    conversation_id: str
    joined_at: int
    position: int


def project(event: Any, position: int, members: Members) -> list[ConversationJoined]:
    """The writes of one record. `members` says who is in a conversation."""
    if type(event) not in _FACTS or event.seq != 1:
        return []
    conversation_id = event.conversation_id
    return [
        ConversationJoined(member, conversation_id, event.sent_at, position)
        for member in members(conversation_id)
    ]


def cells(write: ConversationJoined) -> list[Cell]:
    """The cells of a write."""
    key = ("conversations_by_user", write.user_id, write.conversation_id)
    return [Cell(key, write.joined_at, write.position)]
