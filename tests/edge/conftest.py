"""Gateways on the real Kafka of the stack: one in the loop of the tests, others as they need it."""

import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from msgspec import Struct

from bench.registrar import registrar
from edge.gateway import Gateway, Settings
from events.codec import Codec
from events.topics import TOPIC_OF, partition_of
from infra.log_reader import LogReader
from infra.producer import Publisher
from infra.settings import EdgeSettings, KafkaSettings, SchemaSettings, TokenSettings, load
from infra.stack.stack import Stack
from infra.tokens import ensure_development_key, mint
from tests.edge.socket import Client
from tests.live import understood


@dataclass(frozen=True)
class Needs:
    """What these tests need of the stack."""

    kafka: KafkaSettings
    schemas: SchemaSettings


@dataclass
class World:
    """Everything around gateways: Kafka, the codec, tokens, and what was published."""

    kafka: KafkaSettings
    codec: Codec
    tokens: TokenSettings
    publisher: Publisher

    def token(self, user: str, device: str = "phone", lifetime_seconds: int = 600) -> str:
        return mint(
            ensure_development_key(self.tokens),
            self.tokens,
            user_id=user,
            device_id=device,
            now_seconds=int(time.time()),
            lifetime_seconds=lifetime_seconds,
        )

    @asynccontextmanager
    async def gateway(self, **settings: Any) -> AsyncIterator[Gateway]:
        """A gateway of its own for one test."""
        async with running(self, **settings) as gateway:
            yield gateway

    async def hello(self, gateway: Gateway, user: str, device: str = "phone") -> Client:
        """A client that is authenticated."""
        client = await Client.connect(gateway.port)
        welcome = await client.hello(self.token(user, device))
        assert welcome["type"] == "welcome", welcome
        client.session_id = int(welcome["session_id"])
        return client

    def published(
        self, kind: type[Struct], key: str, matching: Callable[[Any], bool] = lambda _: True
    ) -> list[Any]:
        """The events of one kind in the partition of a key."""
        topic = TOPIC_OF[kind]
        place = (topic.name, partition_of(key, topic.partitions))
        with LogReader(self.kafka) as reader:
            stretches = reader.ends([place])
            events = [understood(self.codec, record) for record in reader.read(stretches)]
        return [event for event in events if isinstance(event, kind) and matching(event)]


@asynccontextmanager
async def running(world: World, **settings: Any) -> AsyncIterator[Gateway]:
    """A gateway in this loop."""
    defaults: dict[str, Any] = {
        "gateway_id": f"test-{free_port()}",
        "port": free_port(),
        "health_port": free_port(),
        "drain_seconds": 0,
        # A busy machine takes its time; tests of these limits set their own.
        "hello_seconds": 30.0,
        "message_timeout_seconds": 60.0,
    }
    gateway = Gateway(
        Settings(
            edge=EdgeSettings(**{**defaults, **settings}), kafka=world.kafka, tokens=world.tokens
        ),
        world.codec,
        on_fatal=pytest.fail,
    )
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def world(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Kafka with all topics, and keys of our own.

    Not longer than these tests: later ones have a worker that registers sessions.
    """
    needs = load(Needs, stack.environment())
    keys: Path = tmp_path_factory.mktemp("keys")
    codec = Codec.from_file(needs.schemas.ids)
    tokens = TokenSettings(jwks_file=keys / "jwks.json", signing_key_file=keys / "signing.pem")
    ensure_development_key(tokens)
    publisher = Publisher(needs.kafka, codec, message_timeout_seconds=60, on_fatal=pytest.fail)
    await publisher.start()
    with registrar(needs.kafka, codec):
        yield World(needs.kafka, codec, tokens, publisher)
    await publisher.stop()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def gateway(world: World) -> AsyncIterator[Gateway]:
    """One gateway for all tests that do not change it."""
    async with running(
        world,
        hello_seconds=5.0,
        allowed_origins=("https://good.example",),
        bad_token_rate_per_minute=10_000,
        address_handshake_rate_per_minute=100_000,
        send_rate_per_minute=6_000,
    ) as gateway:
        yield gateway
