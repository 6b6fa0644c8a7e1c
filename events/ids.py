"""How users, devices, conversations and gateways are named.

A direct conversation needs no table: its id is made of its two user ids in order, so both sides
name the same conversation and membership is read from the id itself (ADR 0003). User and device
ids therefore never hold the separator. Nothing here knows a clock or a random source.
"""

import re
from functools import lru_cache
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

Milliseconds = Annotated[int, Meta(ge=0)]
"""An instant: milliseconds since 1970-01-01 UTC."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
_DIRECT = "d"
_SEPARATOR = ":"


def is_name(text: str) -> bool:
    """Whether the text may name a user, a device or a gateway: 1-64 of a-z, 0-9, dot, _ and -."""
    return _NAME.fullmatch(text) is not None


def is_client_message_id(text: str) -> bool:
    """Whether the text is a UUID in its canonical lower-case form."""
    return _UUID.fullmatch(text) is not None


def direct_conversation(one: str, other: str) -> str:
    """The id of the direct conversation of two users; the same whichever comes first."""
    low, high = (one, other) if one <= other else (other, one)
    return f"{_DIRECT}{_SEPARATOR}{low}{_SEPARATOR}{high}"


@lru_cache(maxsize=65_536)
def members_of(conversation_id: str) -> tuple[str, ...]:
    """The users of a direct conversation; empty when the id names none.

    A conversation with oneself has one member.
    """
    parts = conversation_id.split(_SEPARATOR)
    if len(parts) != 3 or parts[0] != _DIRECT:
        return ()
    low, high = parts[1], parts[2]
    if low > high or not is_name(low) or not is_name(high):
        return ()
    return (low,) if low == high else (low, high)
