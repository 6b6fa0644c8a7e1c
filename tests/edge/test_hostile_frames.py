"""Hostile frames on real sockets. Numbers are the rows of the threat table in docs/threats.md."""

import asyncio
import json
import zlib

import pytest

from edge.frames import FRAME_BYTES_MAX
from edge.gateway import Gateway
from events.deliveries import FramesRouted, RoutedFrame
from events.topics import delivery_topic
from tests.edge.conftest import World
from tests.edge.socket import CLOSE, PING, PONG, TEXT, Client, frame, new_id
from tests.live import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

MIB = 1_048_576
_users = iter(f"hostile-{number}" for number in range(1_000))


async def open_socket(world: World, gateway: Gateway) -> Client:
    return await world.hello(gateway, next(_users))


async def code_after(world: World, gateway: Gateway, data: bytes) -> int | None:
    """The close code that these bytes bring."""
    client = await open_socket(world, gateway)
    client.writer.write(data)
    closed = await client.closed()
    client.end()
    return closed.code


async def route(world: World, gateway: Gateway, client: Client, *bodies: bytes) -> None:
    """Have the gateway relay frames to a client."""
    frames = (RoutedFrame(session_ids=(client.session_id,), frame=body) for body in bodies)
    await world.publisher.publish(
        delivery_topic(gateway.id),
        FramesRouted(gateway_id=gateway.id, gateway_epoch=gateway.epoch, frames=tuple(frames)),
    )


def submissions(gateway: Gateway) -> list[str]:
    """What the gateway counts of what it submitted."""
    lines = gateway.telemetry.render().decode().splitlines()
    return [line for line in lines if "chat.submissions" in line]


async def test_14_without_a_hello_the_socket_ends(gateway: Gateway) -> None:
    client = await Client.connect(gateway.port)
    assert (await client.closed()).code == 4501
    client.end()


async def test_15_half_a_frame_and_then_silence_ends(world: World) -> None:
    async with world.gateway(frame_seconds=0.5, heartbeat_seconds=3) as gateway:
        halves = [frame("x" * 50)[:20], frame("x")[:1], frame("x" * 9, first=0x01)]
        clients = [await open_socket(world, gateway) for _ in halves]
        for client, half in zip(clients, halves, strict=True):
            client.writer.write(half)
        dripping = await open_socket(world, gateway)
        whole = frame("x" * 100)
        for byte in whole[:30]:
            dripping.writer.write(bytes([byte]))
            await asyncio.sleep(0.05)
        for client in (*clients, dripping):
            assert (await client.closed()).code == 4002, "a slow line is no fault: it comes again"
            client.end()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"\x81\x05hello", 1002, id="16-not-masked"),
        pytest.param(b"\x89\x00", 1002, id="16-ping-not-masked"),
        pytest.param(frame("x", first=0xC1), 1002, id="17-reserved-bit"),
        pytest.param(frame("x", first=0xA1), 1002, id="17-reserved-bit-2"),
        pytest.param(frame("x", first=0x83), 1002, id="17-reserved-opcode"),
        pytest.param(frame("x", first=0x8B), 1002, id="17-reserved-control-opcode"),
        pytest.param(frame("x" * 126, PING), 1002, id="18-long-ping"),
        pytest.param(frame("x", first=0x09), 1002, id="18-ping-in-fragments"),
        pytest.param(frame("x", first=0x80), 1002, id="19-nothing-to-continue"),
        pytest.param(frame("x", first=0x01) + frame("y"), 1002, id="19-text-within"),
        pytest.param(frame(b"\x03", CLOSE), 1002, id="20-close-of-one-byte"),
        *(
            pytest.param(frame(code.to_bytes(2, "big"), CLOSE), 1002, id=f"20-close-{code}")
            for code in (999, 1005, 1006, 1016)
        ),
        pytest.param(frame(b"\xff\xfe"), 1007, id="22-not-utf8"),
        pytest.param(
            frame(b"\xce", first=0x01) + frame(b"\xce", first=0x80), 1007, id="22-split-not-utf8"
        ),
        pytest.param(frame("x" * (FRAME_BYTES_MAX + 1)), 1009, id="23-too-long"),
        pytest.param(b"\x81\xff" + (2**63 - 1).to_bytes(8, "big"), 1009, id="24-2^63-1"),
        pytest.param(
            b"\x81\xff" + (1024 * MIB).to_bytes(8, "big") + bytes(4) + bytes(8 * MIB),
            1009,
            id="24-1-GiB-announced",
        ),
        pytest.param(frame(b"{}", 2), 1003, id="33-binary"),
        pytest.param(
            frame("", first=0x01) + frame("", first=0x00) * 200_000, 1008, id="26-empty-fragments"
        ),
        pytest.param(
            frame("x", first=0x01) + frame("x", first=0x00) * 200_000, 1008, id="26-tiny-fragments"
        ),
    ],
)
async def test_16_to_26_and_33_what_breaks_the_protocol_ends_with_its_code(
    world: World, gateway: Gateway, data: bytes, code: int
) -> None:
    assert await code_after(world, gateway, data) == code


async def test_23_a_body_beyond_the_limit_is_an_error_and_the_socket_stays(
    world: World, gateway: Gateway
) -> None:
    client = await open_socket(world, gateway)
    message_id = client.send_message("bob", "x" * 65_537)
    error = await client.receive()
    assert (error["code"], error["id"]) == ("too_large", message_id)
    client.send({"type": "dance"})
    assert (await client.receive())["code"] == "unknown_type"
    client.end()


async def test_25_compression_is_never_negotiated(world: World, gateway: Gateway) -> None:
    client = await Client.connect(
        gateway.port, Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits"
    )
    assert client.status == 101
    assert "sec-websocket-extensions" not in client.headers
    await client.hello(world.token("hostile-bomb"))
    client.writer.write(frame(zlib.compress(bytes(50 * MIB))[2:], first=0xC1))
    assert (await client.closed()).code == 1002
    client.end()


async def test_27_28_floods_end_and_others_do_not_notice(world: World, gateway: Gateway) -> None:
    pinging, sending = await open_socket(world, gateway), await open_socket(world, gateway)
    other = await open_socket(world, gateway)
    pinging.writer.write(frame(b"p", PING) * 100_000)
    message = json.dumps({"type": "send", "id": new_id(), "to": "bob", "body": "x"})
    sending.writer.write(frame(message) * 100_000)
    for _ in range(20):
        other.writer.write(frame(b"o", PING))
        assert await other.read_frame() == (PONG, b"o")
        await asyncio.sleep(0.01)
    codes = set()
    opcode, payload = await sending.read_frame()
    while opcode == TEXT:
        codes.add(json.loads(payload)["code"])
        opcode, payload = await sending.read_frame()
    assert (opcode, payload[:2], codes) == (CLOSE, (4008).to_bytes(2, "big"), {"rate_limited"})
    assert (await pinging.closed()).code == 4008
    for client in (pinging, sending, other):
        client.end()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"type":' + "[" * 10_000 + "]" * 10_000 + "}", id="deep"),
        pytest.param('{"type":"inbox","id":"1","x":1e400}', id="1e400"),
        pytest.param('{"type":"inbox","id":"1","x":NaN}', id="NaN"),
        pytest.param('{"type":"inbox","id":"1","id":"2"}', id="duplicate-keys"),
        pytest.param('{"type":"inbox","id":"\\ud800"}', id="lone-surrogate"),
        pytest.param("{" + ",".join(f'"{n}":1' for n in range(20_000)) + "}", id="20,000-keys"),
        pytest.param('{"type":"read","conversation_id":"d:a:b","seq":' + "1" * 20 + "}", id="int"),
        pytest.param("{", id="no-json"),
    ],
)
async def test_34_hostile_json_is_an_error_twice_and_then_the_end(
    world: World, gateway: Gateway, text: str
) -> None:
    client = await open_socket(world, gateway)
    for _ in range(3):
        client.send(text)
        assert (await client.receive())["code"] == "bad_request"
    assert (await client.closed()).code == 1008
    client.end()


async def test_34_100_000_keys_are_too_much_for_one_frame(world: World, gateway: Gateway) -> None:
    text = "{" + ",".join(f'"{n}":1' for n in range(100_000)) + "}"
    assert await code_after(world, gateway, frame(text)) == 1009


@pytest.mark.parametrize(
    "hostile", ["a/b", "../../etc", "o'brien", "x'); DROP TABLE timeline; --", "a\nb", "x" * 10_000]
)
async def test_62_63_hostile_ids_are_an_error_and_reach_nothing(
    world: World, gateway: Gateway, hostile: str
) -> None:
    frames = [
        {"type": "send", "id": hostile, "to": "bob", "body": "x"},
        {"type": "send", "id": new_id(), "to": hostile, "body": "x"},
        {"type": "send", "id": new_id(), "conversation_id": f"d:{hostile}:bob", "body": "x"},
        {"type": "send", "id": new_id(), "to": "bob", "body": "x", "after": hostile},
        {"type": "delivered", "conversation_id": hostile, "seq": 1},
        {"type": "read", "conversation_id": hostile, "seq": 1},
        {"type": "fetch", "id": "1", "conversation_id": hostile, "after": 0},
    ]
    published = submissions(gateway)
    for one in frames:
        client = await open_socket(world, gateway)
        client.send(one)
        error = await client.receive()
        assert (error["type"], error["code"]) == ("error", "bad_request"), one
        client.end()
    assert submissions(gateway) == published


async def test_35_unknown_types_and_unknown_fields_are_told(world: World, gateway: Gateway) -> None:
    client = await open_socket(world, gateway)
    for _ in range(5):
        client.send({"type": "dance", "id": "1"})
        error = await client.receive()
        assert (error["type"], error["code"], error["id"]) == ("error", "unknown_type", "1")
    for _ in range(5):
        client.send({"type": "inbox", "id": "2", "version": 2})
        error = await client.receive()
        assert (error["code"], error["id"]) == ("bad_request", "2")
        assert "`version`" in error["detail"]
    client.end()


async def test_a_client_that_does_not_read_is_cut_and_slows_nobody(world: World) -> None:
    async with world.gateway(outbox_bytes_max=MIB, outbox_frames_max=1_000) as gateway:
        slow, quick = await open_socket(world, gateway), await open_socket(world, gateway)
        slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
        big = json.dumps({"x": "x" * 100_000}).encode()
        for number in range(100):
            last = b'{"number":%d}' % number
            await route(world, gateway, slow, big)
            await route(world, gateway, quick, last)
            assert await quick.read_frame() == (TEXT, last)
        text = gateway.telemetry.render().decode()
        assert 'chat_edge_closes_total{code="4002"} 1.0' in text
        slow.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert (await slow.closed()).code in (4002, None)
        slow.end()
        quick.end()


async def test_30_a_goodbye_of_a_client_that_does_not_read_frees_its_socket(world: World) -> None:
    async with world.gateway(outbox_bytes_max=64 * MIB) as gateway:
        client = await open_socket(world, gateway)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        big = json.dumps({"x": "x" * 100_000}).encode()
        for _ in range(25):  # 20 MB: more than both kernels' buffers take
            await route(world, gateway, client, *[big] * 8)
        await asyncio.sleep(0.5)
        client.writer.write(frame((1000).to_bytes(2, "big"), CLOSE))
        await until(lambda: gateway.connections.sockets == 0, what="the end of the socket")
        client.end()


@pytest.mark.parametrize("said", [b"\x81\x02hi", frame((1000).to_bytes(2, "big"), CLOSE)])
async def test_who_does_not_end_its_side_when_the_gateway_has_is_cut(
    world: World, said: bytes
) -> None:
    async with world.gateway() as gateway:
        client = await open_socket(world, gateway)
        client.writer.write(said)
        await client.closed()
        await client.ended()
        await until(lambda: gateway.connections.sockets == 0, what="the end of the socket")
        client.end()


async def test_a_client_that_reads_late_gets_everything_in_order(world: World) -> None:
    async with world.gateway(outbox_bytes_max=16 * MIB) as gateway:
        late = await open_socket(world, gateway)
        late.writer.transport.pause_reading()  # type: ignore[attr-defined]
        bodies = [json.dumps({"number": n, "x": "x" * 100_000}).encode() for n in range(100)]
        for start in range(0, 100, 5):
            await route(world, gateway, late, *bodies[start : start + 5])
        await asyncio.sleep(0.3)
        late.writer.transport.resume_reading()  # type: ignore[attr-defined]
        for body in bodies:
            assert await late.read_frame() == (TEXT, body)
        late.end()


async def test_a_silent_client_is_pinged_and_then_cut(world: World) -> None:
    async with world.gateway(heartbeat_seconds=3.0) as gateway:
        silent, answering = await open_socket(world, gateway), await open_socket(world, gateway)

        async def answer() -> None:
            while True:
                opcode, payload = await answering.read_frame()
                if opcode == PING:
                    answering.writer.write(frame(payload, PONG))

        task = asyncio.create_task(answer())
        assert await silent.read_frame() == (PING, b"")
        assert (await silent.closed()).code is None
        assert not task.done()
        task.cancel()
        silent.end()
        answering.end()
