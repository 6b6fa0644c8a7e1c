"""What users and addresses may do, on real sockets. Numbers are rows of docs/threats.md."""

import asyncio
import time

import pytest

from edge.gateway import Gateway
from events.deliveries import AnsweredUpTo, FramesRouted
from events.messages import MessageSubmitted
from events.topics import SUBMISSIONS, delivery_topic, partition_of
from tests.edge.conftest import World
from tests.edge.socket import Client
from tests.live import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_28_a_user_has_one_allowance_on_all_devices_and_may_go_on_when_told(
    world: World,
) -> None:
    async with world.gateway(send_rate_per_minute=6, send_burst=3) as gateway:
        phone = await world.hello(gateway, "limits-ann", "phone")
        laptop = await world.hello(gateway, "limits-ann", "laptop")
        other = await world.hello(gateway, "limits-bob")
        for client in (phone, laptop, phone, laptop):
            last = client.send_message("limits-carl")
            await asyncio.sleep(0.05)  # so that the last comes last, on whichever socket
        error = await laptop.receive()
        assert (error["code"], error["id"]) == ("rate_limited", last)
        assert 0 < error["retry_after_seconds"] <= 10
        passed = other.send_message("limits-carl")
        await asyncio.sleep(error["retry_after_seconds"])
        again = laptop.send_message("limits-carl")
        await until(lambda: bool(submitted(world, "limits-ann", "limits-carl", again)))
        taken = {one.client_message_id for one in submitted(world, "limits-ann", "limits-carl")}
        assert len(taken) == 4
        assert last not in taken
        await until(lambda: bool(submitted(world, "limits-bob", "limits-carl")))
        (bobs,) = submitted(world, "limits-bob", "limits-carl")
        assert bobs.client_message_id == passed
        for client in (phone, laptop, other):
            client.end()


async def test_31_one_device_too_many_is_sent_away_until_another_ends(world: World) -> None:
    async with world.gateway(devices_max=2) as gateway:
        first, second = [await world.hello(gateway, "crowd", name) for name in ("one", "two")]
        by_frame = await Client.connect(gateway.port)
        error = await by_frame.hello(world.token("crowd", "three"))
        assert (error["type"], error["code"]) == ("error", "rate_limited")
        assert error["retry_after_seconds"] > 0
        assert (await by_frame.closed()).code == 4008
        by_header = await with_token(world, gateway, "crowd", "three")
        assert (by_header.status, by_header.headers["retry-after"]) == (429, "60")
        same = await world.hello(gateway, "crowd", "two")  # takes the place of its older self
        assert (await second.closed()).code == 4509
        first.end()
        assert gateway.connections.sessions <= 3
        await until(lambda: gateway.connections.sessions == 1)
        third = await world.hello(gateway, "crowd", "three")
        for client in (same, third, by_frame, by_header, second):
            client.end()


async def test_31_sockets_of_one_address_are_bounded(world: World) -> None:
    async with world.gateway(address_sockets_max=3) as gateway:
        clients = [await Client.connect(gateway.port) for _ in range(4)]
        assert [client.status for client in clients] == [101, 101, 101, 429]
        assert clients[3].headers["retry-after"] == "60"
        elsewhere = await Client.connect(gateway.port, local_address="127.0.0.2")
        assert elsewhere.status == 101
        clients[0].end()
        await until(lambda: gateway.connections.sockets == 3)
        again = await Client.connect(gateway.port)
        assert again.status == 101
        for client in (*clients, elsewhere, again):
            client.end()


async def test_32_handshakes_of_one_address_are_limited(world: World) -> None:
    limits = {"address_handshake_rate_per_minute": 6, "address_handshake_burst": 5}
    async with world.gateway(**limits) as gateway:
        clients = await asyncio.gather(*(Client.connect(gateway.port) for _ in range(8)))
        assert sorted(client.status for client in clients) == [101] * 5 + [429] * 3
        waits = [int(one.headers["retry-after"]) for one in clients if one.status == 429]
        assert all(1 <= wait <= 10 for wait in waits)
        elsewhere = await Client.connect(gateway.port, local_address="127.0.0.2")
        assert elsewhere.status == 101
        await asyncio.sleep(max(waits) + 0.05)
        again = await Client.connect(gateway.port)
        assert again.status == 101
        for client in (*clients, elsewhere, again):
            client.end()


async def test_32_handshakes_wait_in_turn_and_beyond_the_queue_are_told_when(
    world: World,
) -> None:
    limits = {"handshake_rate_per_second": 1, "handshake_queue_seconds": 2.0}
    async with world.gateway(**limits) as gateway:
        began_at = time.monotonic()
        clients = await asyncio.gather(
            *(Client.connect(gateway.port, local_address=f"127.0.1.{n}") for n in range(1, 31))
        )
        took = time.monotonic() - began_at
        granted = [client for client in clients if client.status == 101]
        refused = [client for client in clients if client.status == 503]
        assert 3 <= len(granted) <= 3 + took
        assert len(granted) + len(refused) == 30
        turns = sorted(int(client.headers["retry-after"]) for client in refused)
        assert 1 <= turns[0] < turns[-1] <= 30  # 27 turns at most, one a second
        for client in clients:
            client.end()


async def test_32_while_the_queue_is_full_connections_are_turned_away_unread(
    world: World,
) -> None:
    async with world.gateway(handshake_rate_per_second=0.05, handshake_queue_seconds=0) as gateway:
        first = await Client.connect(gateway.port)
        assert first.status == 101
        second = await Client.connect(gateway.port, b"this is no HTTP\r\n\r\n")
        assert second.status == 503  # nothing of it was read, or it would be 400
        assert 1 <= int(second.headers["retry-after"]) <= 30
        assert await second.reader.read() == b"Too many handshakes at once.\n"
        silent = await Client.dial(gateway.port)
        await silent.ended()
        for client in (first, second, silent):
            client.end()


async def test_47_bad_tokens_are_told_to_wait_and_good_ones_are_believed(world: World) -> None:
    async with world.gateway(bad_token_rate_per_minute=10) as gateway:
        known = await world.hello(gateway, "known", "phone")
        statuses = []
        for number in range(12):
            client = await Client.connect(gateway.port, Authorization=f"Bearer bad-{number}")
            statuses.append(client.status)
            client.end()
        assert statuses == [401] * 10 + [429] * 2
        by_frame = await Client.connect(gateway.port)
        error = await by_frame.hello("bad")
        assert error["code"] == "rate_limited"
        assert 0 < error["retry_after_seconds"] <= 6
        assert (await by_frame.closed()).code == 4008
        neighbour = await with_token(world, gateway, "neighbour", "phone", "127.0.0.1")
        assert neighbour.status == 101
        known.send_message("bob")  # who is connected notices nothing
        for client in (known, by_frame, neighbour):
            client.end()


async def test_beyond_what_is_answered_messages_are_told_to_come_again(world: World) -> None:
    user, bound = "backlog-ann", 5
    async with world.gateway(unanswered_max=bound) as gateway:
        place = partition_of("d:backlog-ann:bob", SUBMISSIONS.partitions)

        async def answer(offset: int) -> None:
            """As fan-out says it."""
            await world.publisher.publish(
                delivery_topic(gateway.id),
                FramesRouted(
                    gateway_id=gateway.id,
                    gateway_epoch=gateway.epoch,
                    frames=(),
                    answered=(AnsweredUpTo(partition=place, submission_offset=offset),),
                ),
            )

        client = await world.hello(gateway, user)
        for _ in range(bound + 1):  # no answers at all: the log takes everything
            client.send_message("bob")
        await until(lambda: gateway.backlog.unanswered == bound + 1)
        await answer(0)
        now = asyncio.get_running_loop().time
        await until(lambda: gateway.backlog.is_full(place, now()))
        refused = client.send_message("bob")
        error = await client.receive()
        assert (error["code"], error["id"]) == ("unavailable", refused)
        assert error["retry_after_seconds"] > 0
        await answer(10**9)
        await until(lambda: gateway.backlog.unanswered == 0)
        client.send({"type": "send", "id": refused, "to": "bob", "body": "again"})
        await until(lambda: bool(submitted(world, user, "bob", refused)))
        client.end()


async def with_token(
    world: World, gateway: Gateway, user: str, device: str, local_address: str | None = None
) -> Client:
    """A client that brings its token with the upgrade."""
    bearer = f"Bearer {world.token(user, device)}"
    return await Client.connect(gateway.port, local_address=local_address, Authorization=bearer)


def submitted(
    world: World, sender: str, to: str, message_id: str | None = None
) -> list[MessageSubmitted]:
    """What a user submitted to another."""
    key = "d:" + ":".join(sorted((sender, to)))
    return world.published(
        MessageSubmitted,
        key,
        lambda one: one.sender_id == sender and message_id in (None, one.client_message_id),
    )
