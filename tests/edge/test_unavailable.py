"""Kafka is away: every request gets its answer in bounded time, and nothing is lost."""

import asyncio

import pytest

from events.messages import MessageSubmitted
from events.receipts import MarkersSubmitted
from events.sessions import SessionClosed, SessionOpened
from infra.stack.stack import Stack
from tests.edge.conftest import World
from tests.edge.socket import Client
from tests.edge.test_gateway import of, until_published

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_while_kafka_is_away_clients_are_told_and_afterwards_nothing_is_missing(
    stack: Stack, world: World
) -> None:
    async with world.gateway(message_timeout_seconds=5.0, in_flight_max=5) as gateway:
        client = await world.hello(gateway, "away-ann")
        leaving = await world.hello(gateway, "away-leaving")
        stack.pause("kafka")
        try:
            message_ids = [client.send_message("away-bob", str(n)) for n in range(8)]
            client.send({"type": "read", "conversation_id": "d:away-ann:away-bob", "seq": 3})
            # At once: those that wait are told only when their time is over.
            beyond = [await client.receive() for _ in range(3)]
            waited = [await client.receive() for _ in range(5)]
            assert {error["id"] for error in beyond} == set(message_ids[5:])
            assert {error["id"] for error in waited} == set(message_ids[:5])
            for error in beyond + waited:
                assert (error["type"], error["code"]) == ("error", "unavailable")
                assert error["retry_after_seconds"] > 0
            leaving.end()
            coming = await Client.connect(gateway.port)
            coming.send({"type": "hello", "token": world.token("away-coming")})
            await asyncio.sleep(5.5)  # longer than a record waits for Kafka
        finally:
            stack.resume("kafka")
        for number, message_id in list(enumerate(message_ids))[:5]:
            client.send({"type": "send", "id": message_id, "to": "away-bob", "body": str(number)})
        submitted = await until_published(
            world,
            MessageSubmitted,
            "d:away-ann:away-bob",
            lambda event: event.client_message_id in message_ids[:5],
            5,
        )
        assert {event.client_message_id for event in submitted} == set(message_ids[:5])
        assert await until_published(
            world,
            MarkersSubmitted,
            "d:away-ann:away-bob",
            lambda event: any(marker.user_id == "away-ann" for marker in event.markers),
        )
        for kind, user in ((SessionClosed, "away-leaving"), (SessionOpened, "away-coming")):
            assert await until_published(world, kind, user, of(gateway, user))
        assert (await coming.receive())["type"] == "welcome", "it was announced until Kafka had it"
        client.end()
        coming.end()


async def test_what_is_to_be_said_of_sessions_is_bounded(stack: Stack, world: World) -> None:
    async with world.gateway(message_timeout_seconds=2.0, unsaid_max=5) as gateway:
        known = await world.hello(gateway, "unsaid-known")
        clients = []
        stack.pause("kafka")
        try:
            for number in range(8):
                token = world.token(f"unsaid-{number}")
                client = await Client.connect(gateway.port, Authorization=f"Bearer {token}")
                if client.status != 101:
                    break
                clients.append(client)
            assert (client.status, client.headers["retry-after"]) == (503, "5")
            assert 3 <= len(clients) <= 5  # that the gateway is alive may wait too
        finally:
            stack.resume("kafka")
        for number in range(len(clients)):
            user = f"unsaid-{number}"
            assert await until_published(world, SessionOpened, user, of(gateway, user))
        again = await world.hello(gateway, "unsaid-again")
        for client in (known, again, *clients):
            client.end()


async def test_readiness_follows_kafka(stack: Stack, world: World) -> None:
    async with world.gateway() as gateway:
        assert gateway.readiness.checks() == {
            "started": True,
            "kafka_confirms": True,
            "deliveries_polled": True,
            "not_draining": True,
        }
        gateway.readiness.stale_seconds = 0.0
        assert not all(gateway.readiness.checks().values())
