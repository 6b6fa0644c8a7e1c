"""How users, devices, conversations and gateways are named.

A direct conversation needs no table: its id is made of its two user ids in order, so both sides
name the same conversation and membership is read from the id itself (ADR 0003). User and device
ids therefore never hold the separator. Nothing here knows a clock or a random source.
"""

import re
from typing import Annotated

from msgspec import Meta

UserId = Annotated[str, Meta(min_length=1, max_length=64)]
DeviceId = Annotated[str, Meta(min_length=1, max_length=64)]
ConversationId = Annotated[str, Meta(min_length=1, max_length=160)]
ClientMessageId = Annotated[str, Meta(min_length=36, max_length=36)]
GatewayId = Annotated[str, Meta(min_length=1, max_length=64)]
GatewayEpoch = Annotated[str, Meta(min_length=1, max_length=64)]
SessionId = Annotated[int, Meta(ge=1)]
"""Unique within one gateway epoch."""

Seq = Annotated[int, Meta(ge=1)]
"""The gap-free number of a fact within its conversation, from 1."""

Offset = Annotated[int, Meta(ge=0)]
"""The place of a record in its partition."""

Milliseconds = Annotated[int, Meta(ge=0)]
"""An instant: milliseconds since 1970-01-01 UTC."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_UUID_7 = re.compile(
    r"([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII
)
_DIRECT = "d"
_SEPARATOR = ":"


def is_name(text: str) -> bool:
    """Whether the text may name a user, a device or a gateway: 1-64 of a-z, 0-9, dot, _ and -."""
    return _NAME.fullmatch(text) is not None


def is_client_message_id(text: str) -> bool:
    """Whether the text is a UUID in its canonical lower-case form."""
    return _UUID.fullmatch(text) is not None


def made_at(client_message_id: str) -> int | None:
    """When an id says that it was made, in milliseconds; None for one that does not say.

    The time is part of the id (a UUID of version 7, RFC 9562), so no copy of a message can say
    another one: its age is known wherever it comes from, however late (invariant I3).
    """
    found = _UUID_7.fullmatch(client_message_id)
    return None if found is None else int(found[1] + found[2], 16)


def timed_id(made_at_ms: int, random_bits: int) -> str:
    """A client message id that was made at an instant; of `random_bits` the lowest 74 count."""
    high, low = random_bits >> 62 & 0xFFF, random_bits & (1 << 62) - 1
    digits = f"{made_at_ms:012x}7{high:03x}{1 << 63 | low:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def direct_conversation(one: str, other: str) -> str:
    """The id of the direct conversation of two users; the same whichever comes first."""
    low, high = (one, other) if one <= other else (other, one)
    return f"{_DIRECT}{_SEPARATOR}{low}{_SEPARATOR}{high}"


def users_of_direct(conversation_id: str) -> tuple[str, ...]:
    """The users that the id of a direct conversation names; none when it is no such id."""
    parts = conversation_id.split(_SEPARATOR)
    if len(parts) != 3 or parts[0] != _DIRECT:
        return ()
    low, high = parts[1], parts[2]
    if low > high or not is_name(low) or not is_name(high):
        return ()
    return (low,) if low == high else (low, high)
