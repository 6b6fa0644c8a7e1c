"""Which upgrades are refused: what aiohttp's own handshake leaves open.

In: the parts of an upgrade request. Out: a Refusal with its HTTP status, or the headers of the
answer. Origins are compared whole, as browsers send them: no prefix, no pattern, no case folding. A
client without an origin is no browser and needs its token as anyone does; cookies are never read.
A query string is refused whatever it says: tokens in addresses end up in logs.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Protocol

from events.frames import SUBPROTOCOL

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}", re.ASCII)

_SINCE = re.compile(r"[!-~]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An upgrade that is answered with an error of HTTP."""

    status: int
    detail: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Upgrade:
    """An upgrade that is granted: the headers of the 101, and whether we speak its protocol."""

    headers: dict[str, str]
    spoken: bool


def later(status: int, detail: str, wait_seconds: float) -> Refusal:
    """A refusal that says when to come again."""
    return Refusal(status, detail, {"Retry-After": str(max(1, ceil(wait_seconds)))})


def not_believed(detail: str, wait_seconds: float) -> Refusal:
    """A token that is refused, or, with a wait, one that was not even looked at."""
    if wait_seconds:
        return later(429, detail, wait_seconds)
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return Refusal(401, f"Not authenticated: {detail}.", challenge)


class Headers(Protocol):
    """Request headers: aiohttp's multidict."""

    def getall(self, key: str, default: Sequence[str]) -> Sequence[str]:
        """Every value of a header."""


def upgrade(
    version: tuple[int, int],
    method: str,
    query: str,
    headers: Headers,
    allowed_origins: Collection[str],
) -> Upgrade | Refusal:
    """Grant or refuse a WebSocket upgrade. `version` is that of HTTP."""
    if version != (1, 1):
        return Refusal(400, "An upgrade is HTTP/1.1.")
    if method != "GET":
        return Refusal(405, "An upgrade is a GET.", {"Allow": "GET"})
    if query:
        return Refusal(400, "There is no query here; a token goes in a header or a frame.")
    if "websocket" not in _words(headers, "Upgrade") or "upgrade" not in _words(
        headers, "Connection"
    ):
        return Refusal(426, "This is a WebSocket.", {"Upgrade": "websocket"})
    if headers.getall("Sec-WebSocket-Version", ()) != ["13"]:
        return Refusal(426, "Only version 13 is spoken.", {"Sec-WebSocket-Version": "13"})
    origins = headers.getall("Origin", ())
    if len(origins) > 1 or any(origin not in allowed_origins for origin in origins):
        return Refusal(403, "This origin is not allowed.")
    keys = headers.getall("Sec-WebSocket-Key", ())
    if len(keys) != 1 or not _is_key(keys[0]):
        return Refusal(400, "The key is not 16 bytes in base64.")
    offered = _words(headers, "Sec-WebSocket-Protocol", fold=False)
    if not offered:
        return Refusal(400, f"Offer the subprotocol {SUBPROTOCOL}.")
    spoken = SUBPROTOCOL in offered
    named = SUBPROTOCOL if spoken else offered[0]
    if not _TOKEN.fullmatch(named):
        return Refusal(400, "The subprotocol is no token.")
    return Upgrade(
        {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": _accept(keys[0]),
            "Sec-WebSocket-Protocol": named,
        },
        spoken,
    )


def bearer(headers: Headers) -> str | Refusal | None:
    """The token of the Authorization header, if there is one."""
    values = headers.getall("Authorization", ())
    if not values:
        return None
    scheme, _, token = values[0].partition(" ")
    if len(values) > 1 or scheme.lower() != "bearer" or not token.strip():
        return Refusal(401, "Authorize with a Bearer token.", {"WWW-Authenticate": "Bearer"})
    return token.strip()


def since(headers: Headers) -> str | None:
    """The token of heads that the client shows, if it shows one; nothing secret, only a place."""
    values = headers.getall("Chat-Since", ())
    return values[0] if len(values) == 1 and _SINCE.fullmatch(values[0]) else None


def _words(headers: Headers, name: str, *, fold: bool = True) -> list[str]:
    values = ",".join(headers.getall(name, ())).split(",")
    words = [value.strip() for value in values if value.strip()]
    return [word.lower() for word in words] if fold else words


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _accept(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
