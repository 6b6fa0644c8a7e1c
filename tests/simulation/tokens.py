"""Access tokens of devices: real ones, and every kind that must not be believed."""

from collections.abc import Callable
from typing import NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.settings import TokenSettings
from infra.tokens import public_jwk

SETTINGS = TokenSettings()
_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
_FORGERS_KEY = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"x")
_KEY_ID = public_jwk(_KEY)["kid"]
KEYS = {_KEY_ID: _KEY.public_key()}

LONG_SECONDS = 1_000_000


class Token(NamedTuple):
    """A token, and until when it is to be believed: seconds since 1970, 0.0 for never."""

    text: str
    until: float


def good(user_id: str, device_id: str, now: float, seconds: int) -> Token:
    """A token that is believed for so long."""
    issued_at = int(now) - int(SETTINGS.leeway_seconds)
    text = _minted(_KEY, user_id, device_id, issued_at, seconds)
    return Token(text, issued_at + seconds + SETTINGS.leeway_seconds)


def _minted(
    key: Ed25519PrivateKey, user_id: str, device_id: str, issued_at: int, seconds: int
) -> str:
    claims = {
        "iss": SETTINGS.issuer,
        "aud": SETTINGS.audience,
        "sub": user_id,
        "did": device_id,
        "iat": issued_at,
        "exp": issued_at + seconds,
    }
    headers = {"typ": "at+jwt", "kid": _KEY_ID}
    return jwt.encode(claims, key, algorithm="EdDSA", headers=headers)


def _expired(user_id: str, device_id: str, now: float) -> str:
    return good(user_id, device_id, now - 100.0, 1).text


def _forged(user_id: str, device_id: str, now: float) -> str:
    return _minted(_FORGERS_KEY, user_id, device_id, int(now), 100)


def _nonsense(user_id: str, device_id: str, now: float) -> str:
    return "nonsense"


BAD: tuple[Callable[[str, str, float], str], ...] = (_expired, _forged, _nonsense)
"""What makes a token that nobody may believe, of a user, a device and the time."""
