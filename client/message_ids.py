"""The ids of messages: UUIDs of version 7 (RFC 9562), which hold the time at which they were made.

The server judges the age of a message by its id alone, so a message that was sent once keeps its id
until the server says that it is too old to be known. Times are of the server's clock. Pure.
"""

from uuid import UUID

FRESH_MS = 60_000
"""A message that was never sent gets a new id when its own is further than this from the time."""

_RANDOM = (0xFFF << 64) | (1 << 62) - 1
_VERSION_AND_VARIANT = (7 << 76) | (2 << 62)


def minted(now: int, random_bits: int) -> str:
    """An id that is made now. Of the random bits, those at the places of a UUID count."""
    return str(UUID(int=(now & (1 << 48) - 1) << 80 | _VERSION_AND_VARIANT | random_bits & _RANDOM))


def made_at(message_id: str) -> int | None:
    """When an id was made; None for one that does not say."""
    known = UUID(message_id)
    return known.int >> 80 if known.version == 7 else None


def minted_again(message_id: str, now: int) -> str:
    """The id with another time: that of a new message, as far as the server is concerned."""
    return minted(now, UUID(message_id).int)


def is_fresh(message_id: str, now: int) -> bool:
    """Whether an id was made about now."""
    made = made_at(message_id)
    return made is not None and abs(made - now) <= FRESH_MS
