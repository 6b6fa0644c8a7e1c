"""What may be sent at all: what a server would answer with a closed socket never leaves the device.

One bad message in the outbox would otherwise end every connection that tries it. Pure.
"""

import re
from collections.abc import Mapping

import msgspec

from client.errors import ClientError

BODY_BYTES_MAX = 65_536
FRAME_BYTES_MAX = 262_144
"""Until a server says otherwise."""

_FRAME_OVERHEAD_BYTES = 1_024
_NAME = r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?"
_RECIPIENT = re.compile(rf"{_NAME}|d:{_NAME}:{_NAME}", re.ASCII)


def check_recipient(to: str) -> None:
    """Raises ClientError `bad_recipient`."""
    if _RECIPIENT.fullmatch(to) is None:
        raise ClientError("bad_recipient", f"{to!r} names no user and no conversation")


def check_message(to: str, body: str, limits: Mapping[str, int]) -> None:
    """Raises ClientError `bad_recipient`, `empty`, `bad_text` or `too_large`."""
    check_recipient(to)
    if not body:
        raise ClientError("empty", "an empty message is not sent")
    try:
        body_bytes = len(body.encode())
    except UnicodeEncodeError:
        raise ClientError("bad_text", "the message holds half a character") from None
    body_bytes_max = limits.get("body_bytes", BODY_BYTES_MAX)
    if body_bytes > body_bytes_max:
        raise ClientError("too_large", f"a message may have {body_bytes_max} bytes")
    room_bytes = limits.get("frame_bytes", FRAME_BYTES_MAX) - _FRAME_OVERHEAD_BYTES
    if body_bytes * 6 > room_bytes and len(msgspec.json.encode(body)) > room_bytes:
        raise ClientError("too_large", "a message of so many control characters is too long")
