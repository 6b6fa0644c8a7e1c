"""Hostile tokens on real sockets. Numbers are the rows of the threat table in docs/threats.md."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.gateway import Gateway
from infra.settings import TokenSettings
from infra.tokens import ensure_development_key, public_jwk
from tests.edge import test_tokens
from tests.edge.conftest import World
from tests.edge.socket import Client

pytestmark = pytest.mark.asyncio(loop_scope="session")

OTHER = Ed25519PrivateKey.generate()


def forge(world: World, key: Any = None, *, header: Any = None, **claims: Any) -> str:
    """A token that is good but for what is said."""
    ours = ensure_development_key(world.tokens)
    now = int(time.time())
    merged = {
        "iss": world.tokens.issuer,
        "aud": world.tokens.audience,
        "sub": "eve",
        "did": "phone",
        "iat": now,
        "exp": now + 600,
        **claims,
    }
    return jwt.encode(
        {name: value for name, value in merged.items() if value is not ...},
        key or ours,
        algorithm="EdDSA",
        headers={"typ": "at+jwt", "kid": public_jwk(ours)["kid"], **(header or {})},
    )


FORGERIES: dict[str, Any] = {
    "36-none": lambda world: test_tokens.forged({"typ": "at+jwt", "alg": "none"}),
    "36-None": lambda world: test_tokens.forged({"typ": "at+jwt", "alg": "nOnE"}),
    "37-hmac-with-our-public-key": lambda world: test_tokens.hmac_with(test_tokens.PUBLIC_PEM),
    "38-kid-path": lambda world: forge(world, header={"kid": "../../dev/null"}),
    "38-kid-sql": lambda world: forge(world, header={"kid": "' OR 1=1 --"}),
    "38-kid-long": lambda world: forge(world, header={"kid": "k" * 10_000}),
    "38-kid-unknown": lambda world: forge(world, header={"kid": "unknown"}),
    "39-jwk": lambda world: forge(world, OTHER, header={"jwk": public_jwk(OTHER)}),
    "39-jku": lambda world: forge(world, OTHER, header={"jku": "http://127.0.0.1:1/jwks"}),
    "40-expired": lambda world: forge(world, exp=int(time.time()) - 60),
    "40-not-yet": lambda world: forge(world, nbf=int(time.time()) + 60),
    "40-iat-in-a-year": lambda world: forge(world, iat=int(time.time()) + 31_536_000),
    "40-no-exp": lambda world: forge(world, exp=...),
    "40-exp-as-text": lambda world: forge(world, exp=str(int(time.time()) + 600)),
    "41-wrong-aud": lambda world: forge(world, aud="else"),
    "41-wrong-iss": lambda world: forge(world, iss="https://else"),
    "41-id-token": lambda world: forge(world, header={"typ": "JWT"}),
    "41-refresh-token": lambda world: forge(world, header={"typ": "rt+jwt"}),
    "no-device": lambda world: forge(world, did=...),
    "user-with-separator": lambda world: forge(world, sub="d:ann:bob"),
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_36_to_41_no_such_token_opens_a_session(
    world: World, gateway: Gateway, name: str
) -> None:
    token = FORGERIES[name](world)
    client = await Client.connect(gateway.port)
    error = await client.hello(token)
    assert error["code"] == "not_authenticated"
    assert (await client.closed()).code == 4501
    client.end()
    if len(token) < 8_000:
        client = await Client.connect(gateway.port, Authorization=f"Bearer {token}")
        assert client.status == 401
        client.end()


async def test_the_same_forge_without_a_fault_is_believed(world: World, gateway: Gateway) -> None:
    client = await Client.connect(gateway.port)
    assert (await client.hello(forge(world)))["user_id"] == "eve"
    client.end()


@pytest.mark.parametrize("frame", ['{"type":"hello"}', '{"type":"hello","token":5}'])
async def test_a_hello_without_a_token_is_a_bad_request(gateway: Gateway, frame: str) -> None:
    client = await Client.connect(gateway.port)
    client.send(frame)
    assert (await client.receive())["code"] == "bad_request"
    assert (await client.closed()).code == 4501
    client.end()


async def test_43_a_token_that_expires_ends_the_session_unless_it_is_renewed(world: World) -> None:
    leeway = world.tokens.leeway_seconds
    # Silent for twice a heartbeat it would be cut, so that is far behind the end of its token.
    async with world.gateway(heartbeat_seconds=15) as gateway:
        now = int(time.time())
        ending, renewed = await Client.connect(gateway.port), await Client.connect(gateway.port)
        short = now - int(leeway) + 10
        await ending.hello(forge(world, sub="tok-ending", exp=short))
        await renewed.hello(forge(world, sub="tok-renewed", exp=short))
        renewed.send({"type": "token", "token": forge(world, sub="tok-renewed")})
        assert (await renewed.receive())["type"] == "token"
        assert (await ending.closed()).code == 4003
        renewed.send({"type": "dance"})
        assert (await renewed.receive())["code"] == "unknown_type"
        ending.end()
        renewed.end()


async def test_44_renewing_as_somebody_else_changes_nothing(world: World, gateway: Gateway) -> None:
    for user, device in (("tok-other", "phone"), ("tok-one", "pad")):
        client = await world.hello(gateway, "tok-one")
        client.send({"type": "token", "id": "t", "token": world.token(user, device)})
        refused = await client.receive()
        assert (refused["code"], refused["id"]) == ("not_authenticated", "t")
        client.send({"type": "dance"})
        assert (await client.receive())["code"] == "unknown_type"
        client.end()


async def test_42_a_key_that_is_taken_away_ends_whom_it_vouched_for(
    world: World, tmp_path: Path
) -> None:
    tokens = TokenSettings(jwks_file=tmp_path / "jwks.json", signing_key_file=tmp_path / "key.pem")
    ensure_development_key(tokens)
    own = replace(world, tokens=tokens)
    async with own.gateway() as gateway:
        ann = await own.hello(gateway, "withdrawn-ann")
        tokens.jwks_file.write_text(json.dumps({"keys": [public_jwk(OTHER)]}))
        by_other = forge(own, OTHER, header={"kid": public_jwk(OTHER)["kid"]}, sub="withdrawn-bob")
        bob = await Client.connect(gateway.port, Authorization=f"Bearer {by_other}")
        assert bob.status == 101  # the file was looked at for this key
        closed = await ann.closed()
        assert (closed.code, closed.reason) == (4003, "key_withdrawn")
        token = own.token("withdrawn-ann")
        again = await Client.connect(gateway.port, Authorization=f"Bearer {token}")
        assert again.status == 401
        assert (await bob.receive())["type"] == "welcome"
        for client in (ann, bob, again):
            client.end()
