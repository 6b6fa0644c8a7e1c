"""Who is in a conversation. The only module that reads members out of a conversation's id.

Whoever decides, routes or projects gets the members, or this function, as an argument: when
conversations get members that are not in their id, the argument changes and they do not.
"""

from collections.abc import Callable
from functools import lru_cache

from events.ids import users_of_direct

Members = Callable[[str], tuple[str, ...]]
"""From a conversation's id to its members."""


@lru_cache(maxsize=65_536)
def members_of(conversation_id: str) -> tuple[str, ...]:
    """The members of a conversation; none where it does not exist.

    A conversation with oneself has one member.
    """
    return users_of_direct(conversation_id)
