"""Tokens: the one shape that is believed, and every other that is not."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from edge.keyring import RELOAD_SECONDS, Keyring
from edge.tokens import BadKeys, Principal, Refusal, keys_of, verify
from infra.errors import UserError
from infra.settings import TokenSettings
from infra.tokens import ensure_development_key, mint, public_jwk

NOW = 1_700_000_000
KEY = Ed25519PrivateKey.generate()
OTHER_KEY = Ed25519PrivateKey.generate()
KID = public_jwk(KEY)["kid"]
JWKS = json.dumps({"keys": [public_jwk(KEY)]}).encode()
KEYS = keys_of(JWKS, production=False)
CLAIMS = {
    "iss": "https://issuer",
    "aud": ["other", "chatlog"],
    "sub": "ann",
    "did": "phone",
    "iat": NOW,
    "exp": NOW + 600,
    "jti": "1",
}


def token(key: Any = KEY, algorithm: str = "EdDSA", header: Any = None, **claims: Any) -> str:
    merged = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not ...}
    headers = {"typ": "at+jwt", "kid": KID, **(header or {})}
    return jwt.encode(merged, key, algorithm=algorithm, headers=headers)


def forged(header: dict[str, Any], signature: bytes = b"", **claims: Any) -> str:
    parts = [json.dumps(header).encode(), json.dumps({**CLAIMS, **claims}).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def check(text: str, now: float = NOW) -> Principal | Refusal:
    return verify(text, KEYS, now, issuer="https://issuer", audience="chatlog")


def test_a_good_token_names_its_user_and_device() -> None:
    assert check(token()) == Principal("ann", "phone", NOW + 630, KID)
    assert check(token(aud="chatlog", nbf=NOW)) == Principal("ann", "phone", NOW + 630, KID)
    assert isinstance(check(token(header={"typ": "application/at+jwt"})), Principal)


def test_clocks_may_differ_by_half_a_minute() -> None:
    assert isinstance(check(token(exp=NOW - 29)), Principal)
    assert isinstance(check(token(exp=NOW - 30)), Refusal)
    assert isinstance(check(token(iat=NOW + 30)), Principal)
    assert isinstance(check(token(iat=NOW + 31)), Refusal)


RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PUBLIC_PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
RAW = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def hmac_with(secret: bytes) -> str:
    """A token signed by HMAC with the public key as its secret: key confusion."""
    import hashlib
    import hmac

    unsigned = forged({"typ": "at+jwt", "alg": "HS256", "kid": KID}).rsplit(".", 1)[0]
    mac = hmac.new(secret, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    "text",
    [
        *(forged({"typ": "at+jwt", "alg": none, "kid": KID}) for none in ("none", "None", "nOnE")),
        hmac_with(PUBLIC_PEM),
        hmac_with(RAW),
        token(RSA, "RS256"),
        *(
            token(header={"kid": kid})
            for kid in ("../../dev/null", "' OR 1=1 --", "k" * 10_000, "unknown", "")
        ),
        forged({"typ": "at+jwt", "alg": "EdDSA"}),
        forged({"typ": "at+jwt", "alg": "EdDSA", "kid": 5}),
        forged({"typ": "at+jwt", "alg": "EdDSA", "kid": None}),
        forged({"typ": "at+jwt", "alg": ["EdDSA"], "kid": KID}),
        forged({"typ": "at+jwt", "alg": "EdDSA", "kid": KID, "crit": ["x"]}),
        token(OTHER_KEY),
        token(OTHER_KEY, header={"jwk": public_jwk(OTHER_KEY)}),
        token(OTHER_KEY, header={"jku": "http://127.0.0.1/", "x5u": "http://127.0.0.1/"}),
        token(exp=NOW - 31),
        token(nbf=NOW + 31),
        token(iat=NOW + 365 * 86_400),
        token(exp=...),
        token(exp=str(NOW + 600)),
        token(exp=True),
        token(exp=1e300),
        token(exp=[NOW]),
        token(nbf="soon"),
        token(iat=...),
        token(iat="x"),
        token(aud="else"),
        token(aud=...),
        token(aud=[]),
        token(iss="https://else"),
        token(iss=...),
        token(sub=...),
        token(sub=""),
        token(sub="Ann"),
        token(sub="d:ann:bob"),
        token(did=...),
        token(did=5),
        token(did="a/b"),
        *(token(header={"typ": typ}) for typ in ("JWT", "id+jwt", "rt+jwt", "at+jwt ", "", None)),
        "",
        ".",
        "..",
        "a.b.c",
        "\x00",
        token()[:-2],
        token() + "A",
        token() + ".x",
        "x" * 5_000,
    ],
    ids=lambda text: text[:40],
)
def test_any_other_token_is_refused(text: str) -> None:
    assert isinstance(check(text), Refusal)


def test_keys_named_in_a_token_change_nothing() -> None:
    header = {"jwk": public_jwk(OTHER_KEY), "jku": "http://127.0.0.1/", "x5u": "http://x/"}
    assert isinstance(check(token(header=header)), Principal)


@given(st.text())
def test_no_text_does_worse_than_being_refused(text: str) -> None:
    assert isinstance(check(text), Refusal)


@given(st.dictionaries(st.sampled_from([*CLAIMS, "nbf"]), st.none() | st.integers() | st.text()))
def test_no_claims_do_worse_than_being_refused(claims: dict[str, Any]) -> None:
    merged = {**CLAIMS, **claims}
    try:
        text = token(**merged)
    except (TypeError, jwt.PyJWTError, OverflowError):
        return
    outcome = check(text)
    if isinstance(outcome, Principal):
        assert (outcome.user_id, outcome.device_id) == (merged["sub"], merged["did"])


@pytest.mark.parametrize(
    "jwks",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys":[]}',
        b'{"keys":[5]}',
        b'{"keys":[{"kty":"RSA"}]}',
        b'{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1"}]}',
        b'{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"AA"}]}',
    ],
)
def test_a_file_without_good_keys_is_refused(jwks: bytes) -> None:
    with pytest.raises(BadKeys):
        keys_of(jwks, production=False)


def test_production_refuses_keys_made_for_development() -> None:
    with pytest.raises(BadKeys, match="development"):
        keys_of(JWKS, production=True)
    jwk = {name: value for name, value in public_jwk(KEY).items() if "development" not in name}
    assert keys_of(json.dumps({"keys": [jwk]}).encode(), production=True)


def settings_in(folder: Path, **more: Any) -> TokenSettings:
    return TokenSettings(
        jwks_file=folder / "jwks.json", signing_key_file=folder / "signing.pem", **more
    )


ADDRESS, ELSEWHERE = "192.0.2.1", "192.0.2.2"


def keyring_of(settings: TokenSettings, **more: Any) -> Keyring:
    return Keyring(settings, **{"bad_tokens_per_minute": 60, **more})


def minted(key: Ed25519PrivateKey, settings: TokenSettings, **more: Any) -> str:
    values = {"user_id": "ann", "device_id": "phone", "now_seconds": int(time.time())}
    return mint(key, settings, **{**values, "lifetime_seconds": 600, **more})


def test_the_development_key_is_made_once_and_is_for_its_owner_only(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "keys")
    first = ensure_development_key(settings)
    assert public_jwk(ensure_development_key(settings)) == public_jwk(first)
    assert settings.signing_key_file.stat().st_mode & 0o077 == 0
    keyring = keyring_of(settings)
    keyring.load()
    assert isinstance(keyring.check(minted(first, settings), ADDRESS), Principal)
    with pytest.raises(UserError):
        ensure_development_key(settings_in(tmp_path / "keys", environment="production"))
    with pytest.raises(UserError, match="development"):
        keyring_of(settings_in(tmp_path / "keys", environment="production")).load()


@pytest.mark.parametrize("content", [b"", b"\xff\0", b"-----BEGIN PRIVATE KEY-----\nx\n"])
def test_a_file_that_is_no_key_is_told_and_left_alone(tmp_path: Path, content: bytes) -> None:
    settings = settings_in(tmp_path)
    settings.signing_key_file.write_bytes(content)
    with pytest.raises(UserError, match="holds no Ed25519 key"):
        ensure_development_key(settings)
    assert settings.signing_key_file.read_bytes() == content


def test_a_remembered_token_still_expires(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    key = ensure_development_key(settings)
    now = time.time()
    keyring = keyring_of(settings, now=lambda: now)
    keyring.load()
    text = minted(key, settings)
    assert keyring.check(text, ADDRESS) is keyring.check(text, ADDRESS)
    now += 631
    assert isinstance(keyring.check(text, ADDRESS), Refusal)


def test_a_changed_file_is_read_at_most_once_a_minute(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    first = ensure_development_key(settings)
    clock = 1_000.0
    keyring = keyring_of(settings, clock=lambda: clock)
    keyring.load()
    old = minted(first, settings)
    assert isinstance(keyring.check(old, ADDRESS), Principal)
    text = minted(OTHER_KEY, settings)
    assert isinstance(keyring.check(text, ADDRESS), Refusal)
    settings.jwks_file.write_text(json.dumps({"keys": [public_jwk(OTHER_KEY)]}))
    clock += RELOAD_SECONDS - 1
    assert isinstance(keyring.check(text, ADDRESS), Refusal)
    clock += 1
    assert isinstance(keyring.check(text, ADDRESS), Principal)
    assert isinstance(keyring.check(old, ADDRESS), Refusal)
    settings.jwks_file.write_text("broken")
    clock += RELOAD_SECONDS
    keyring.refresh()
    assert isinstance(keyring.check(text, ADDRESS), Principal)


def test_47_after_too_many_bad_tokens_only_bad_ones_are_told_to_wait(
    tmp_path: Path,
) -> None:
    settings = settings_in(tmp_path)
    key = ensure_development_key(settings)
    clock = 1_000.0
    keyring = keyring_of(settings, bad_tokens_per_minute=6, clock=lambda: clock)
    keyring.load()
    known, fresh = minted(key, settings), minted(key, settings, user_id="bob")
    assert isinstance(keyring.check(known, ADDRESS), Principal)
    waits = []
    for number in range(9):
        refused = keyring.check(f"bad-{number}", ADDRESS)
        assert isinstance(refused, Refusal)
        waits.append(refused.wait_seconds)
    assert waits == [0.0] * 6 + [10.0] * 3
    assert isinstance(keyring.check(known, ADDRESS), Principal)  # remembered: nothing to look at
    assert isinstance(keyring.check(fresh, ADDRESS), Principal)  # whoever its neighbours are
    elsewhere = keyring.check("bad", ELSEWHERE)
    assert isinstance(elsewhere, Refusal)
    assert elsewhere.wait_seconds == 0.0
    clock += 10.0
    refused = keyring.check("bad", ADDRESS)
    assert isinstance(refused, Refusal)
    assert refused.wait_seconds == 0.0
