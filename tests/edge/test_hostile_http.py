"""Hostile upgrades on real sockets. Numbers are the rows of the threat table in docs/threats.md."""

import asyncio
from ipaddress import ip_network

import pytest

from edge.gateway import Gateway
from tests.edge.conftest import World
from tests.edge.socket import Client, request

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def status_of(gateway: Gateway, raw: bytes) -> int:
    client = await Client.connect(gateway.port, raw)
    client.end()
    return client.status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://good.example", 101),
        ("https://evil.example", 403),
        ("null", 403),
        ("https://good.example.evil.tld", 403),
        ("https://GOOD.example", 403),
        ("HTTPS://good.example", 403),
    ],
)
async def test_1_2_only_our_origin_may_connect(gateway: Gateway, origin: str, status: int) -> None:
    assert await status_of(gateway, request(Origin=origin)) == status


async def test_3_without_an_origin_a_cookie_opens_nothing(world: World, gateway: Gateway) -> None:
    token = world.token("http-cookie")
    client = await Client.connect(gateway.port, Cookie=f"token={token}; session={token}")
    assert client.status == 101
    assert (await client.closed()).code == 4501
    client.end()


@pytest.mark.parametrize("version", ["7", "8", "0", "14", "x"])
async def test_4_other_versions_are_told_13(gateway: Gateway, version: str) -> None:
    client = await Client.connect(gateway.port, Sec_WebSocket_Version=version)
    assert (client.status, client.headers["sec-websocket-version"]) == (426, "13")
    client.end()


@pytest.mark.parametrize("key", ["c2hvcnQ=", "!", None])
async def test_5_a_bad_key_is_refused(gateway: Gateway, key: str | None) -> None:
    assert await status_of(gateway, request(Sec_WebSocket_Key=key)) == 400


async def test_5_a_key_given_twice_is_refused(gateway: Gateway) -> None:
    raw = request()
    line = next(line for line in raw.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key"))
    assert await status_of(gateway, raw[:-2] + line + b"\r\n\r\n") == 400


async def test_6_the_path_and_the_method_are_fixed(gateway: Gateway) -> None:
    assert await status_of(gateway, request(method="POST", Content_Length="0")) == 405
    for path in ("/", "/v1/ws/", "/v2/ws", "/metrics", "/readyz", "/v1/../v1/wss"):
        assert await status_of(gateway, request(path)) == 404


async def test_6_who_asks_for_something_else_has_one_answer_and_a_limit(world: World) -> None:
    limits = {"address_handshake_rate_per_minute": 60, "address_handshake_burst": 3}
    async with world.gateway(**limits) as gateway:
        client = await Client.connect(gateway.port, request("/") + request("/elsewhere"))
        assert (client.status, client.headers["connection"]) == (404, "close")
        rest = await asyncio.wait_for(client.reader.read(), 60)
        assert b"HTTP/1.1" not in rest  # the second request is not answered
        statuses = [await status_of(gateway, request("/")) for _ in range(3)]
        assert statuses == [404, 404, 429]
        assert await status_of(gateway, request()) == 429


async def test_12_connections_that_say_nothing_are_bounded_for_an_address(world: World) -> None:
    limits = {"address_handshake_rate_per_minute": 60, "address_handshake_burst": 3}
    async with world.gateway(**limits) as gateway:
        silent = [await Client.dial(gateway.port) for _ in range(6)]
        await asyncio.sleep(0.2)
        one_more = await Client.connect(gateway.port)
        assert (one_more.status, one_more.headers["retry-after"]) == (429, "1")
        assert await one_more.reader.read() == b"Too many connections from there.\n"
        elsewhere = await Client.connect(gateway.port, local_address="127.0.0.2")
        assert elsewhere.status == 101
        for client in (*silent, one_more, elsewhere):
            client.end()


async def test_7_older_http_and_other_upgrades_are_refused(gateway: Gateway) -> None:
    assert await status_of(gateway, request().replace(b"HTTP/1.1", b"HTTP/1.0")) == 400
    assert await status_of(gateway, request(Upgrade="h2c")) == 426


async def test_8_content_length_with_transfer_encoding_is_refused(gateway: Gateway) -> None:
    raw = request(Content_Length="5", Transfer_Encoding="chunked")
    client = await Client.connect(gateway.port, raw)
    assert client.status == 400
    await client.ended()
    client.end()


async def test_9_long_and_many_headers_are_refused(gateway: Gateway) -> None:
    assert await status_of(gateway, request(X_Long="x" * 9_000)) in (400, 431)
    many = {f"X_{number}": "x" for number in range(500)}
    assert await status_of(gateway, request(**many)) in (400, 431)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"X-Split: a\r\n\tb", id="folded"),
        pytest.param(b"X-Bare: a\nX-Hidden: b", id="bare-LF"),
        pytest.param(b"X-Bare: a\rb", id="bare-CR"),
        pytest.param(b"X-Nul: a\0b", id="NUL"),
        pytest.param(b"X Space: a", id="a-space-in-a-name"),
    ],
)
async def test_10_headers_that_split_or_hide_others_are_refused(
    gateway: Gateway, line: bytes
) -> None:
    raw = request()
    assert await status_of(gateway, raw[:-2] + line + b"\r\n\r\n") == 400


async def test_11_a_forwarded_address_is_believed_of_our_own_proxies_only(world: World) -> None:
    async def statuses(gateway: Gateway, local_address: str, names: list[str]) -> list[int]:
        found = []
        for name in names:
            client = await Client.connect(
                gateway.port, None, local_address, X_Forwarded_For=name, X_User_Id="ann"
            )
            found.append(client.status)
        return found

    proxies = {"trusted_proxies": (ip_network("127.0.0.9"),), "address_sockets_max": 2}
    async with world.gateway(**proxies) as gateway:
        named = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
        assert await statuses(gateway, "127.0.0.5", named) == [101, 101, 429]
        assert await statuses(gateway, "127.0.0.9", [*named, *named]) == [101] * 6
        assert await statuses(gateway, "127.0.0.9", [named[0], f"6.6.6.6, {named[1]}"]) == [429] * 2


async def test_12_13_silence_and_a_drip_of_headers_end_within_seconds(gateway: Gateway) -> None:
    silent, dripping = await Client.dial(gateway.port), await Client.dial(gateway.port)

    async def drip() -> None:
        raw = request()
        while True:
            dripping.writer.write(raw[:1])
            raw = raw[1:]
            await asyncio.sleep(0.2)

    dripper = asyncio.create_task(drip())
    await asyncio.gather(silent.ended(), dripping.ended())
    dripper.cancel()
    silent.end()
    dripping.end()


@pytest.mark.parametrize("name", ["token", "access_token", "ticket", "a"])
async def test_45_a_query_is_refused(world: World, gateway: Gateway, name: str) -> None:
    raw = request(f"/v1/ws?{name}={world.token('http-query')}")
    assert await status_of(gateway, raw) == 400


async def test_a_bad_token_in_the_header_is_refused_before_the_upgrade(gateway: Gateway) -> None:
    for value in ("Bearer nonsense", "Basic x", "Bearer "):
        client = await Client.connect(gateway.port, Authorization=value)
        assert client.status == 401
        assert client.headers["www-authenticate"].startswith("Bearer")
        client.end()


async def test_a_protocol_that_is_not_spoken_is_closed_with_its_own_code(gateway: Gateway) -> None:
    client = await Client.connect(gateway.port, Sec_WebSocket_Protocol="chat.v9")
    assert client.status == 101
    assert (await client.closed()).code == 4504
    client.end()
    assert await status_of(gateway, request(Sec_WebSocket_Protocol=None)) == 400


async def test_sockets_beyond_the_bound_are_told_to_come_later(world: World) -> None:
    async with world.gateway(sockets_max=2) as gateway:
        clients = [await Client.connect(gateway.port) for _ in range(3)]
        assert [client.status for client in clients] == [101, 101, 503]
        assert 1 <= int(clients[2].headers["retry-after"]) <= 30
        for client in clients:
            client.end()
