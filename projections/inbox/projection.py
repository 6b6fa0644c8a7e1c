"""First facts to the conversations of each user. Pure.

In: a fact and its position. Out: with a conversation's first fact one row for each member. The
inbox itself is made of these and of the conversations' newest rows when it is asked for.
"""

from typing import NamedTuple

from msgspec import Struct

from events.conversations import MessageSent
from events.ids import members_of
from projections.cells import Cell


class ConversationJoined(NamedTuple):
    """A user became a member of a conversation."""

    user_id: str
    conversation_id: str
    joined_at: int
    position: int


def project(event: Struct, position: int) -> list[ConversationJoined]:
    """The writes of one record."""
    match event:
        case MessageSent(seq=1, conversation_id=conversation_id, sent_at=joined_at):
            return [
                ConversationJoined(member, conversation_id, joined_at, position)
                for member in members_of(conversation_id)
            ]
        case _:
            return []


def cells(write: ConversationJoined) -> list[Cell]:
    """The cells of a write."""
    key = ("conversations_by_user", write.user_id, write.conversation_id)
    return [Cell(key, write.joined_at, write.position)]
