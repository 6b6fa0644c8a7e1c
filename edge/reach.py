"""Whose conversations a user may name at all: what could never be admitted does not reach the log.

In: a user and a conversation id. Out: whether the user could be in it, as far as a gateway can tell
without a store. Who is in a direct conversation is in its id. A conversation whose members are not
in its id (a group) would pass here, since only admission knows them; today there is none. Admission
decides in any case: this spares the log, and grants nothing. Pure.
"""

from events.members import members_of


def is_in_reach(user_id: str, conversation_id: str) -> bool:
    """Whether the user could be a member of the conversation."""
    return user_id in members_of(conversation_id)
