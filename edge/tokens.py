"""Who a client is: an access token to a principal, or a reason for refusal.

In: a token, the keys that may sign, and a time. Out: a Principal or a Refusal. The profile is RFC
9068 under RFC 8725: type `at+jwt`, EdDSA only whatever the token says, keys only from our own JWKS
(`jku`, `x5u` and `jwk` in a token are ignored), issuer and audience fixed, `exp`, `iat`, `sub` and
`did` (the device) required. Pure: the clock is an argument.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm
from jwt.types import Options

from events.ids import is_name

TOKEN_BYTES_MAX = 4_096
LEEWAY_SECONDS = 30
DEVELOPMENT = "chatlog_development"

_REQUIRED = ["iss", "aud", "sub", "did", "exp", "iat"]
_OPTIONS: Options = {
    "require": _REQUIRED,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}
"""Times are checked here, against the clock that is given."""

Keys = Mapping[str, Ed25519PublicKey]


@dataclass(frozen=True, slots=True)
class Principal:
    """A device of a user, until an instant (seconds since 1970-01-01 UTC), by the word of a key."""

    user_id: str
    device_id: str
    expires_at: float
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A token that is not believed; `unknown_key` when its key is not among ours.

    With `wait_seconds` too many bad ones came from there: the next one should not come sooner.
    """

    detail: str
    unknown_key: bool = False
    wait_seconds: float = 0.0


class BadKeys(ValueError):
    """A JWKS that cannot be used."""


def keys_of(jwks: bytes, *, production: bool) -> dict[str, Ed25519PublicKey]:
    """The Ed25519 keys of a JWKS by their id. Raises BadKeys.

    In production a key that was made for development is refused.
    """
    try:
        entries = json.loads(jwks)["keys"]
        keys: dict[str, Ed25519PublicKey] = {}
        for entry in entries:
            if production and entry.get(DEVELOPMENT):
                raise BadKeys("a key made for development, which production refuses")
            if entry.get("kty") != "OKP" or entry.get("crv") != "Ed25519":
                continue
            key = OKPAlgorithm.from_jwk(entry)
            if not isinstance(key, Ed25519PublicKey):
                raise BadKeys("a private key, which does not belong here")
            keys[entry["kid"]] = key
    except (
        KeyError,
        TypeError,
        AttributeError,
        jwt.InvalidKeyError,
        json.JSONDecodeError,
    ) as error:
        raise BadKeys(f"no JWKS: {type(error).__name__}") from error
    if not keys:
        raise BadKeys("no Ed25519 key")
    return keys


def verify(
    token: str,
    keys: Keys,
    now: float,
    *,
    issuer: str,
    audience: str,
    leeway_seconds: float = LEEWAY_SECONDS,
) -> Principal | Refusal:
    """Whom the token names, if it is to be believed at this instant."""
    if len(token) > TOKEN_BYTES_MAX:
        return Refusal("the token is too long")
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") != "EdDSA":
            return Refusal("the algorithm is not EdDSA")
        if str(header.get("typ")).lower() not in ("at+jwt", "application/at+jwt"):
            return Refusal("the type is not at+jwt")
        key_id = header.get("kid", "")
        key = keys.get(key_id)
        if key is None:
            return Refusal("the key is unknown", unknown_key=True)
        claims = jwt.decode(
            token,
            key,
            algorithms=["EdDSA"],
            audience=audience,
            issuer=issuer,
            options=_OPTIONS,
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        return Refusal(f"the token is not valid: {type(error).__name__}")
    return _timely(claims, now, leeway_seconds, key_id)


def _timely(
    claims: dict[str, Any], now: float, leeway_seconds: float, key_id: str
) -> Principal | Refusal:
    user_id, device_id = claims["sub"], claims["did"]
    if not isinstance(user_id, str) or not is_name(user_id):
        return Refusal("the subject is no user id")
    if not isinstance(device_id, str) or not is_name(device_id):
        return Refusal("the device is no device id")
    expires_at, issued_at, valid_from = claims["exp"], claims["iat"], claims.get("nbf", 0)
    for instant in (expires_at, issued_at, valid_from):
        if type(instant) not in (int, float) or not -1e12 < instant < 1e12:
            return Refusal("a time is no number")
    if now >= expires_at + leeway_seconds:
        return Refusal("the token has expired")
    if issued_at > now + leeway_seconds or valid_from > now + leeway_seconds:
        return Refusal("the token is from the future")
    return Principal(user_id, device_id, expires_at + leeway_seconds, key_id)
