"""A key that signs the tokens of kept inputs, and the tokens that are believed here.

The key is nobody's: it is made of zeros, so that kept tokens stay valid.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.tokens import Principal, Refusal, verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEY_ID = "zeros"
ISSUER, AUDIENCE = "https://fuzz", "chatlog"
NOW = 1_700_000_000.0
UNTIL = 4_000_000_000.0
"""Kept tokens are good until then, in the year 2096."""


class FixedKeyring:
    """In place of a Keyring: the real check of a token, at an instant that stands still."""

    def check(self, token: str, address: str) -> Principal | Refusal:
        keys = {KEY_ID: KEY.public_key()}
        return verify(token, keys, NOW, issuer=ISSUER, audience=AUDIENCE)
