"""Access tokens for development: a key made at first start, its JWKS, and tokens signed with it.

In: where the key lies, a user, a device and a time. Out: an RFC 9068 access token (`at+jwt`,
EdDSA). The JWKS marks the key as made for development, and gateways in production refuse it, so
nothing here can open a real system. A real one gets its tokens from its identity provider.
"""

import base64
import hashlib
import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from infra.errors import UserError
from infra.settings import TokenSettings

DEVELOPMENT = "chatlog_development"
"""The member of a JWK that says: made for development."""

CLIENT_ID = "chatlog-development"


def ensure_development_key(settings: TokenSettings) -> Ed25519PrivateKey:
    """The development key, made with its JWKS file when there is none yet.

    Two processes may do this at once: one of them makes the key and both use it.
    """
    if settings.environment == "production":
        raise UserError(
            "development_key",
            "Development tokens are not made in production.",
            "Take tokens from the identity provider, or unset CHAT_TOKEN_ENVIRONMENT.",
        )
    if not settings.signing_key_file.is_file():
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _create(settings.signing_key_file, pem)
    private = _private_key(settings.signing_key_file)
    if not isinstance(private, Ed25519PrivateKey):
        raise UserError(
            "bad_signing_key",
            f"{settings.signing_key_file} holds no Ed25519 key.",
            "Move it away; a new one is made at the next start.",
        )
    if not settings.jwks_file.is_file():
        _create(settings.jwks_file, json.dumps({"keys": [public_jwk(private)]}, indent=2).encode())
    return private


def _private_key(file: Path) -> object:
    """What the file holds; nothing when that is no key."""
    try:
        return load_pem_private_key(file.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def mint(
    key: Ed25519PrivateKey,
    settings: TokenSettings,
    *,
    user_id: str,
    device_id: str,
    now_seconds: int,
    lifetime_seconds: int,
) -> str:
    """A signed access token for one device of a user."""
    claims = {
        "iss": settings.issuer,
        "aud": [settings.audience],
        "sub": user_id,
        "did": device_id,
        "client_id": CLIENT_ID,
        "iat": now_seconds,
        "exp": now_seconds + lifetime_seconds,
        "jti": secrets.token_hex(16),
    }
    return jwt.encode(
        claims, key, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": public_jwk(key)["kid"]}
    )


def public_jwk(key: Ed25519PrivateKey) -> dict[str, Any]:
    """The public half as a JWK; its id is the thumbprint of RFC 7638."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    identity = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)}
    digest = hashlib.sha256(json.dumps(identity, separators=(",", ":")).encode()).digest()
    return {
        **identity,
        "kid": _base64url(digest),
        "alg": "EdDSA",
        "use": "sig",
        DEVELOPMENT: True,
    }


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _create(path: Path, data: bytes) -> None:
    """Make a file readable by its owner only, whole or not at all; keep one that exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.link(name, path)
    except FileExistsError:
        return
    finally:
        os.unlink(name)
