"""A gateway on real Kafka: from the socket to the log, and from the log to the socket."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaException

from edge.gateway import Gateway
from edge.liveness import DOUBTS_APART, DOUBTS_MAX
from events.deliveries import (
    AnnouncementRequested,
    FramesRouted,
    RoutedFrame,
    SessionReplaced,
)
from events.gateways import GatewayAlive, GatewayDraining, GatewayStarted
from events.messages import MessageSubmitted
from events.queries import HistoryRequested, InboxRequested
from events.receipts import MarkersSubmitted
from events.sessions import SessionClosed, SessionOpened
from events.topics import delivery_topic
from infra.settings import EdgeSettings
from tests.edge.conftest import World
from tests.edge.socket import PING, PONG, TEXT, Client, frame, new_id
from tests.live import WAIT_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def route(world: World, gateway: Gateway, *frames: tuple[tuple[int, ...], bytes]) -> None:
    await world.publisher.publish(
        delivery_topic(gateway.id),
        FramesRouted(
            gateway_id=gateway.id,
            gateway_epoch=gateway.epoch,
            frames=tuple(RoutedFrame(session_ids=ids, frame=body) for ids, body in frames),
        ),
    )


def of(gateway: Gateway, user: str) -> Callable[[Any], bool]:
    """Events of a user's session on this gateway."""
    return lambda event: (event.user_id, event.gateway_epoch) == (user, gateway.epoch)


async def until_published(
    world: World, kind: type, key: str, matching: Callable[[Any], bool], count: int = 1
) -> list[Any]:
    give_up_at = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            found = await asyncio.to_thread(world.published, kind, key, matching)
        except KafkaException:  # Kafka is only just back
            found = []
        if len(found) >= count or time.monotonic() > give_up_at:
            return found
        await asyncio.sleep(0.1)


async def test_what_a_client_sends_is_submitted_in_its_name(world: World, gateway: Gateway) -> None:
    client = await world.hello(gateway, "gw-ann")
    forged = client.send_message("gw-bob", sender_id="eve", seq=99, device_id="x")
    error = await client.receive()
    assert (error["code"], error["id"]) == ("bad_request", forged)
    message_id = client.send_message("gw-bob")
    client.send({"type": "fetch", "id": "q1", "conversation_id": "d:a:b", "after": 4, "up_to": 9})
    client.send({"type": "inbox", "id": "q2", "limit": 5})
    (submitted,) = await until_published(
        world,
        MessageSubmitted,
        "d:gw-ann:gw-bob",
        lambda event: event.client_message_id == message_id,
    )
    assert (submitted.sender_id, submitted.device_id) == ("gw-ann", "phone")
    assert submitted.body == "hello"
    (history,) = await until_published(
        world, HistoryRequested, "gw-ann", lambda event: event.gateway_epoch == gateway.epoch
    )
    assert (history.session_id, history.gateway_epoch) == (client.session_id, gateway.epoch)
    assert (history.after_seq, history.up_to_seq, history.limit) == (4, 9, 100)
    (inbox,) = await until_published(
        world, InboxRequested, "gw-ann", lambda event: event.gateway_epoch == gateway.epoch
    )
    assert (inbox.request_id, inbox.limit) == ("q2", 5)
    client.end()


async def test_a_message_to_a_conversation_of_others_does_not_reach_the_log(
    world: World, gateway: Gateway
) -> None:
    client = await world.hello(gateway, "gw-eve")
    message_id = new_id()
    client.send({"type": "send", "id": message_id, "conversation_id": "d:bob:carl", "body": "x"})
    refused = await client.receive()
    assert (refused["code"], refused["id"]) == ("forbidden", message_id)
    client.end()


async def test_the_same_id_again_and_of_another_device_are_left_to_admission(
    world: World, gateway: Gateway
) -> None:
    message_id = new_id()
    for user, device, body in (
        ("gw-d", "phone", "1"),
        ("gw-d", "phone", "2"),
        ("gw-d", "pad", "3"),
    ):
        client = await world.hello(gateway, user, device)
        client.send({"type": "send", "id": message_id, "to": "gw-bob", "body": body})
        await client.writer.drain()
        await until_published(
            world, MessageSubmitted, "d:gw-bob:gw-d", lambda event, b=body: event.body == b
        )
        client.end()
    found = await until_published(
        world,
        MessageSubmitted,
        "d:gw-bob:gw-d",
        lambda event: event.client_message_id == message_id,
    )
    assert [(event.device_id, event.body) for event in found] == [
        ("phone", "1"),
        ("phone", "2"),
        ("pad", "3"),
    ]


async def test_markers_are_coalesced_to_the_highest(world: World, gateway: Gateway) -> None:
    user = f"gw-marks-{gateway.port}"
    client = await world.hello(gateway, user)
    conversation_id = f"d:gw-bob:{user}"
    for seq in range(1, 40):
        client.send({"type": "delivered", "conversation_id": conversation_id, "seq": seq})
    client.send({"type": "read", "conversation_id": conversation_id, "seq": 7})

    def ours(event: MarkersSubmitted) -> bool:
        return any(marker.user_id == user for marker in event.markers)

    def has_read(event: MarkersSubmitted) -> bool:
        return any((marker.user_id, marker.kind) == (user, "read") for marker in event.markers)

    await until_published(world, MarkersSubmitted, conversation_id, has_read)
    records = world.published(MarkersSubmitted, conversation_id, ours)
    markers = {(one.kind, one.seq) for record in records for one in record.markers}
    assert {("delivered", 39), ("read", 7)} <= markers
    assert len(records) <= 3
    client.end()


async def test_frames_reach_the_sessions_they_were_routed_to_in_order(
    world: World, gateway: Gateway
) -> None:
    one, two = await world.hello(gateway, "gw-1"), await world.hello(gateway, "gw-2")
    bodies = [b'{"n":%d}' % n for n in range(300)]
    both = (one.session_id, two.session_id, 999_999)
    await route(world, gateway, *((both, body) for body in bodies))
    await route(world, gateway, ((two.session_id,), b'{"last":"' + b"x" * 70_000 + b'"}'))
    for client in (one, two):
        for body in bodies:
            assert await client.read_frame() == (TEXT, body)
    assert len((await two.read_frame())[1]) == 70_011
    one.end()
    two.end()


async def test_frames_for_another_epoch_are_dropped(world: World, gateway: Gateway) -> None:
    client = await world.hello(gateway, "gw-epoch")
    await world.publisher.publish(
        delivery_topic(gateway.id),
        FramesRouted(
            gateway_id=gateway.id,
            gateway_epoch="older",
            frames=(RoutedFrame(session_ids=(client.session_id,), frame=b'"stale"'),),
        ),
    )
    await world.publisher.publish_bytes(delivery_topic(gateway.id), b"no event")
    await route(world, gateway, ((client.session_id,), b'"fresh"'))
    assert await client.read_frame() == (TEXT, b'"fresh"')
    client.end()


async def test_sessions_open_and_close_in_the_log(world: World, gateway: Gateway) -> None:
    client = await world.hello(gateway, "gw-life", "pad")
    (opened,) = await until_published(world, SessionOpened, "gw-life", of(gateway, "gw-life"))
    assert (opened.device_id, opened.gateway_epoch) == ("pad", gateway.epoch)
    assert opened.session_id == client.session_id
    client.end()
    (closed,) = await until_published(world, SessionClosed, "gw-life", of(gateway, "gw-life"))
    assert closed.session_id == client.session_id


async def test_a_second_socket_of_a_device_replaces_the_first(
    world: World, gateway: Gateway
) -> None:
    first = await world.hello(gateway, "gw-twice")
    other = await world.hello(gateway, "gw-twice", "pad")
    second = await world.hello(gateway, "gw-twice")
    assert (await first.closed()).code == 4509
    await route(world, gateway, ((second.session_id, other.session_id), b'"here"'))
    assert await second.read_frame() == (TEXT, b'"here"')
    assert await other.read_frame() == (TEXT, b'"here"')
    for client in (first, second, other):
        client.end()


async def say_replaced(world: World, gateway: Gateway, client: Client) -> None:
    """What the session registry says of a session whose place another took."""
    await world.publisher.publish(
        delivery_topic(gateway.id),
        SessionReplaced(
            gateway_id=gateway.id, gateway_epoch=gateway.epoch, session_id=client.session_id
        ),
    )


async def test_who_lives_and_is_said_to_be_replaced_is_announced_again_and_then_closed(
    world: World, gateway: Gateway
) -> None:
    """Its dead predecessor may have been announced late; of two that live the newer one stays."""
    client = await world.hello(gateway, "gw-elsewhere")
    for times in range(2, DOUBTS_MAX + 2):
        await say_replaced(world, gateway, client)
        assert await client.read_frame() == (PING, b"")
        client.writer.write(frame(b"", PONG))
        opened = await until_published(
            world, SessionOpened, "gw-elsewhere", of(gateway, "gw-elsewhere"), times
        )
        assert [event.session_id for event in opened] == [client.session_id] * times
        await asyncio.sleep(
            DOUBTS_APART * EdgeSettings().heartbeat_seconds + 0.1
        )  # sooner it would count as one

    await say_replaced(world, gateway, client)
    assert (await client.closed()).code == 4509
    client.end()


async def test_who_does_not_answer_is_not_announced_again(world: World, gateway: Gateway) -> None:
    silent = await world.hello(gateway, "gw-silent")
    await say_replaced(world, gateway, silent)
    assert await silent.read_frame() == (PING, b"")
    await asyncio.sleep(1.0)
    opened = await until_published(world, SessionOpened, "gw-silent", of(gateway, "gw-silent"))
    assert len(opened) == 1
    silent.end()


async def test_sessions_are_announced_again_on_request(world: World, gateway: Gateway) -> None:
    client = await world.hello(gateway, "gw-again")
    await world.publisher.publish(
        delivery_topic(gateway.id),
        AnnouncementRequested(gateway_id=gateway.id, gateway_epoch=gateway.epoch),
    )
    opened = await until_published(world, SessionOpened, "gw-again", of(gateway, "gw-again"), 2)
    assert [event.session_id for event in opened] == [client.session_id] * 2
    client.end()


async def test_a_gateway_says_that_it_starts_lives_and_drains_and_sends_its_clients_away(
    world: World,
) -> None:
    async with world.gateway(drain_seconds=0.5) as gateway:
        clients = [await world.hello(gateway, f"gw-drain-{n}") for n in range(5)]
        await until_published(
            world, GatewayAlive, gateway.id, lambda event: event.gateway_epoch == gateway.epoch
        )
        stopping = asyncio.create_task(gateway.stop())
        began_at = time.monotonic()
        closes = []
        for client in clients:
            closed = await client.closed()
            closes.append((closed.code, time.monotonic() - began_at))
            client.end()
        await stopping
        assert [code for code, _ in closes] == [1012] * 5
        assert max(seconds for _, seconds in closes) > 0.2
    for kind in (GatewayStarted, GatewayDraining):
        events = world.published(kind, gateway.id, lambda e: e.gateway_epoch == gateway.epoch)
        assert len(events) == 1
    for number in range(5):
        assert world.published(
            SessionClosed, f"gw-drain-{number}", lambda e: e.gateway_epoch == gateway.epoch
        )


async def test_a_token_in_the_header_opens_the_session_at_once(
    world: World, gateway: Gateway
) -> None:
    client = await Client.connect(gateway.port, Authorization=f"Bearer {world.token('gw-header')}")
    assert (await client.receive())["user_id"] == "gw-header"
    client.end()


async def test_frames_sent_with_the_upgrade_are_not_lost(world: World, gateway: Gateway) -> None:
    from tests.edge.socket import request

    hello = frame(f'{{"type":"hello","token":"{world.token("gw-early")}"}}')
    client = await Client.connect(gateway.port, request() + hello)
    assert (await client.receive())["user_id"] == "gw-early"
    client.end()


async def test_pings_are_answered_and_a_close_is_returned(world: World, gateway: Gateway) -> None:
    client = await world.hello(gateway, "gw-ping")
    client.writer.write(frame(b"are you there", 9))
    assert await client.read_frame() == (10, b"are you there")
    client.writer.write(frame((4001).to_bytes(2, "big") + b"bye", 8))
    assert (await client.closed()).code == 4001
    await client.ended()
    client.end()
