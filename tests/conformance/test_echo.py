"""The endpoint that the suite is run against: it echoes, and it ends as a gateway does."""

from pathlib import Path

import pytest

from edge import wire
from edge.gateway import SOCKET_PATH
from infra.stack.vault import Vault
from infra.tls import client_context, server_context
from tests.conformance.echo import AS_SHIPPED, UNLIMITED, echo
from tests.edge.socket import CLOSE, PING, PONG, TEXT, Client, frame

BINARY = wire.BINARY
FLOOD = frame(b"", first=0x01) + frame(b"", first=0x00) * wire.FRAGMENTS_MAX


async def test_text_is_echoed() -> None:
    async with echo(AS_SHIPPED) as port:
        client = await Client.connect(port)
        client.writer.write(frame("hé", first=0x01) + frame("x", PING) + frame("llo", first=0x80))
        assert await client.read_frame() == (PONG, b"x")
        assert await client.read_frame() == (TEXT, "héllo".encode())
        client.end()


async def test_whatever_the_suite_sends_is_echoed() -> None:
    async with echo(UNLIMITED) as port:
        client = await Client.connect(port)
        large = bytes(2 * wire.BYTES_MAX)
        client.writer.write(frame(large, BINARY) + FLOOD + frame(b"", first=0x80))
        assert await client.read_frame() == (BINARY, large)
        assert await client.read_frame() == (TEXT, b"")
        client.end()


@pytest.mark.parametrize("size", [5, wire.BYTES_MAX])
async def test_what_was_said_before_a_goodbye_is_answered_before_it(size: int) -> None:
    """Also when that is more than is written at once, and though the client says more."""
    async with echo(AS_SHIPPED) as port:
        client = await Client.connect(port)
        goodbye = frame((1000).to_bytes(2, "big"), CLOSE)
        client.writer.write(frame("x" * size) + goodbye + frame("y", PING))
        assert await client.read_frame() == (TEXT, b"x" * size)
        assert await client.read_frame() == (CLOSE, (1000).to_bytes(2, "big"))
        await client.ended()
        client.end()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame("x", first=0xC1), 1002),
        (frame(b"x", BINARY), 1003),
        (frame(b"\xff"), 1007),
        (FLOOD, 1008),
        (frame("x" * (wire.BYTES_MAX + 1)), 1009),
    ],
)
async def test_after_a_failure_the_stream_ends_behind_the_close(data: bytes, code: int) -> None:
    """At once, not after the time in which a client may answer: its answer is not read."""
    async with echo(AS_SHIPPED) as port:
        client = await Client.connect(port)
        client.writer.write(frame("before") + data)
        assert await client.read_frame() == (TEXT, b"before")
        opcode, payload = await client.read_frame()
        assert (opcode, int.from_bytes(payload[:2], "big")) == (CLOSE, code)
        client.writer.write(frame(payload, CLOSE))
        await client.ended()
        client.end()


async def test_the_stream_also_ends_when_the_answer_to_a_close_is_none() -> None:
    async with echo(AS_SHIPPED) as port:
        client = await Client.connect(port, Sec_WebSocket_Protocol="another")
        opcode, payload = await client.read_frame()
        assert (opcode, int.from_bytes(payload[:2], "big")) == (CLOSE, 4504)
        client.writer.write(b"\x81\x02hi")
        await client.ended()
        client.end()


async def test_the_stream_also_ends_where_it_is_encrypted(tmp_path: Path) -> None:
    """TLS has no half close."""
    vault = Vault(tmp_path)
    certificate = vault.certificate("gateway")
    async with echo(AS_SHIPPED, server_context(certificate, certificate)) as port:
        client = await Client.connect(port, tls=client_context(vault.ca_file))
        client.writer.write(frame("x" * wire.BYTES_MAX) + frame(b"x", BINARY))
        assert await client.read_frame() == (TEXT, b"x" * wire.BYTES_MAX)
        opcode, payload = await client.read_frame()
        assert (opcode, int.from_bytes(payload[:2], "big")) == (CLOSE, 1003)
        await client.ended()
        client.end()


def test_the_endpoint_is_where_clients_of_a_gateway_look_for_it() -> None:
    assert SOCKET_PATH == "/v1/ws"
