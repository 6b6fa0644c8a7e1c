"""A real nginx under infra/nginx.conf, with small WebSocket servers in the gateways' place.

What real gateways make of it is in tests/journeys/test_nginx.py.
"""

import asyncio
import contextlib
import json
import os
import re
import ssl
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web

from edge.address import client_address
from infra.balancer.asking import reload
from infra.errors import UserError
from infra.stack.nginx import NGINX, balanced, find_nginx
from infra.stack.services import gateway
from infra.stack.stack import Stack
from tests.edge.socket import Client, frame, request
from tests.live import WAIT_SECONDS

try:
    find_nginx()
except UserError as error:
    pytest.skip(f"{error.sentence} {error.remedy}", allow_module_level=True)

TOKEN = "a-secret-token"


@dataclass
class Small:
    """Stands in a gateway's place: echoes, says whether it is ready, notes who came and how."""

    name: str
    port: int
    health_port: int
    ready: int = 200
    door: int = 101
    stands_still: bool = False
    requests: list[web.Request] = field(default_factory=list)
    sockets: set[web.WebSocketResponse] = field(default_factory=set)
    _runners: list[web.AppRunner] = field(default_factory=list)

    async def start(self) -> None:
        await self.listen()
        await self._listen(self.health_port, "/readyz", self._ready)

    async def listen(self) -> None:
        await self._listen(self.port, "/v1/ws", self._serve)

    async def stop_listening(self) -> None:
        """As a gateway that drains: what is open stays."""
        for site in list(self._runners[0].sites):
            await site.stop()

    async def stop(self) -> None:
        for runner in self._runners:
            await runner.cleanup()

    async def _listen(
        self, port: int, path: str, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> None:
        app = web.Application()
        app.router.add_get(path, handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self._runners.append(runner)

    async def _ready(self, _: web.Request) -> web.Response:
        if self.stands_still:
            await asyncio.sleep(3_600)
        return web.Response(status=self.ready)

    async def _serve(self, asked: web.Request) -> web.StreamResponse:
        self.requests.append(asked)
        if self.door != 101:
            return web.Response(status=self.door, headers={"Retry-After": "5"})
        socket = web.WebSocketResponse(protocols=("chat.v1.json",))
        await socket.prepare(asked)
        self.sockets.add(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await socket.send_str(json.dumps({"at": self.name, "said": message.data}))
        finally:
            self.sockets.discard(socket)
        return socket


@dataclass
class Front:
    """nginx, its asker and two small gateways."""

    stack: Stack
    one: Small
    two: Small
    port: int
    tls: ssl.SSLContext
    opened: list[Client] = field(default_factory=list)

    @property
    def place(self) -> Path:
        return self.stack.folder / NGINX

    @property
    def open(self) -> list[int]:
        return [len(self.one.sockets), len(self.two.sockets)]

    async def dial(self) -> Client:
        client = Client(
            *await asyncio.open_connection(
                "127.0.0.1", self.port, ssl=self.tls, server_hostname="localhost"
            )
        )
        self.opened.append(client)
        return client

    async def ask(self, raw: bytes) -> Client:
        client = await self.dial()
        client.writer.write(raw)
        await client.read_head()
        return client

    async def connect(self, **headers: str | None) -> Client:
        client = await self.ask(request(**headers))
        assert client.status == 101, client.status
        return client

    async def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not holds():
            assert time.monotonic() < deadline, self.open
            await asyncio.sleep(0.05)

    async def until_in_the_list(self, which: str) -> None:
        """Wait until these gateways are in nginx's list, and its workers know."""
        list_file = self.place / "gateways.conf"

        def chosen() -> str:
            lines = list_file.read_text().splitlines()
            return " ".join("out" if "down" in line else "in" for line in lines)

        await self.until(lambda: chosen() == which)
        await self.until_reloaded(list_file.stat().st_mtime)

    async def until_reloaded(self, since: float) -> None:
        """Wait until no worker of before that moment takes connections any more."""

        def are_new() -> bool:
            workers = started_at(self.stack.part_status(NGINX).pid or 0)
            return bool(workers) and min(workers) > since - 0.05

        await self.until(are_new)

    async def until_open(self, count: int) -> None:
        """Wait until nginx holds so many sockets."""
        url = f"http://127.0.0.1:{self.stack.ports.port('nginx.status')}/status"

        def held() -> bool:
            with urllib.request.urlopen(url, timeout=60) as answer:
                active = re.search(r"Active connections: (\d+)", answer.read().decode())
            return active is not None and int(active.group(1)) == count + 1  # and the one that asks

        await self.until(held)


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    stack = Stack(tmp_path / "instance")
    services = [gateway(stack.ports, name) for name in ("gateway-1", "gateway-2")]
    small = [Small(s.name, s.port, stack.ports.port(f"{s.name}.health")) for s in services]
    for one in small:
        await one.start()
    try:
        access = stack.folder / NGINX / "access.log"
        nginx, asker = balanced(stack.folder, stack.ports, services, access)
        await asyncio.to_thread(stack.run, nginx, asker)
        ca_file = stack.environment()["CHAT_GATEWAY_CA_FILE"]
        front = Front(
            stack, *small, port=nginx.port, tls=ssl.create_default_context(cafile=ca_file)
        )
        yield front
        for client in front.opened:
            client.end()
    finally:
        await asyncio.to_thread(stack.stop)
        for one in small:
            await one.stop()


def started_at(master: int) -> list[float]:
    """When each worker of nginx was started that is not shutting down, in seconds since 1970."""
    boot = time.time() - float(Path("/proc/uptime").read_text().split()[0])
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            title = (entry / "cmdline").read_bytes()
            is_worker = b"worker process" in title and b"shutting down" not in title
            if int(fields[1]) == master and is_worker:
                found.append(boot + int(fields[19]) / os.sysconf("SC_CLK_TCK"))
    return found


async def echoed(client: Client, said: str = "hello") -> str:
    """Which gateway answers on this socket."""
    client.writer.write(frame(said))
    answer = await client.receive()
    assert answer["said"] == said
    return str(answer["at"])


async def test_the_configuration_is_whole(front: Front) -> None:
    argv = [*front.stack.part(NGINX).command(), "-t"]
    done = await asyncio.to_thread(
        subprocess.run, argv, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "test is successful" in done.stderr
    assert "warn" not in done.stderr


async def test_frames_pass_both_ways_and_long_ones_whole(front: Front) -> None:
    client = await front.connect()

    assert client.headers["sec-websocket-protocol"] == "chat.v1.json"
    for size in (1, 4_000, 100_000):
        await echoed(client, "x" * size)


async def test_sockets_go_where_the_fewest_are(front: Front) -> None:
    clients = [await front.connect() for _ in range(8)]
    assert front.open == [4, 4]
    at = [(client, await echoed(client)) for client in clients]
    for client, name in at:
        if name == "gateway-1":
            client.end()
    await front.until(lambda: front.open == [0, 4])
    await front.until_open(4)
    for _ in range(4):
        await front.connect()

    assert front.open == [4, 4]


async def test_a_gateway_that_is_not_ready_gets_none_and_keeps_what_it_has(front: Front) -> None:
    before = [await front.connect() for _ in range(4)]
    front.one.ready = 503
    await front.until_in_the_list("out in")
    for _ in range(4):
        await front.connect()
    assert front.open == [2, 6]
    assert (
        sorted([await echoed(client) for client in before]) == ["gateway-1"] * 2 + ["gateway-2"] * 2
    )

    front.one.ready = 200
    await front.until_in_the_list("in in")
    for _ in range(4):
        await front.connect()
    assert front.open[0] > 2
    for client in before:
        await echoed(client)


async def test_while_none_is_ready_people_are_asked_to_come_later(front: Front) -> None:
    kept = await front.connect()
    front.one.ready = front.two.ready = 503
    await front.until_in_the_list("out out")
    refused = await front.ask(request())

    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    await echoed(kept)


async def test_a_gateway_that_refuses_connections_costs_nobody_a_socket(front: Front) -> None:
    """It drains or died, and nobody has asked it since."""
    await front.one.stop_listening()
    for _ in range(6):
        await front.connect()
    assert front.open == [0, 6]

    await front.one.listen()
    for _ in range(6):
        await front.connect()
    assert front.open == [6, 6]


async def test_a_gateway_that_is_full_sends_people_to_the_next(front: Front) -> None:
    front.one.door = 503
    for _ in range(6):
        await front.connect()

    assert front.open == [0, 6]


async def test_a_gateway_that_stands_still_is_found(front: Front) -> None:
    """Its kernel still takes connections, so only questions find that nobody is at home."""
    front.one.stands_still = True
    await front.until_in_the_list("out in")
    for _ in range(4):
        await front.connect()

    assert front.open == [0, 4]


async def test_reloads_cut_nothing(front: Front) -> None:
    client = await front.connect()
    for number in range(3):
        since = time.time()
        assert reload(front.place / "nginx.pid")
        await front.until_reloaded(since)
        await echoed(client, f"after reload {number}")


async def test_what_a_client_says_of_its_address_does_not_arrive(front: Front) -> None:
    await front.connect(
        X_Forwarded_For="203.0.113.9, 10.0.0.1",
        X_Real_IP="203.0.113.9",
        Forwarded="for=203.0.113.9",
        Cookie="session=1",
        Authorization=f"Bearer {TOKEN}",
    )
    (asked,) = [*front.one.requests, *front.two.requests]

    forwarded = asked.headers.getall("X-Forwarded-For")
    assert forwarded == ["127.0.0.1"]
    assert client_address("127.0.0.1", forwarded, (ip_network("127.0.0.1"),)) == "127.0.0.1"
    assert not {"X-Real-IP", "Forwarded", "Cookie"} & set(asked.headers)
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"


ELSEWHERE = "/ /readyz /livez /metrics /version /status /v1/ws/ /v1/ws/../readyz /v1/%77s/x"

NOT_OURS = {
    "no upgrade": (request(Upgrade=None, Connection=None), 426),
    "another upgrade": (request(Upgrade="h2c"), 426),
    "a post": (request(method="POST", Content_Length="0"), 405),
    "a query": (request("/v1/ws?token=" + TOKEN), 400),
    "a header of 9 KiB": (request(X_Long="x" * 9_000), 400),
    "a body": (request(Content_Length="5000"), 413),
}


async def test_nothing_else_can_be_reached(front: Front) -> None:
    answers = {path: await front.ask(request(path)) for path in ELSEWHERE.split()}

    assert {answer.status for answer in answers.values()} == {404}
    assert {answer.headers["server"] for answer in answers.values()} == {"nginx"}
    assert not front.one.requests + front.two.requests


async def test_what_is_no_upgrade_of_ours_ends_here(front: Front) -> None:
    answers = {what: (await front.ask(raw)).status for what, (raw, _) in NOT_OURS.items()}

    assert answers == {what: status for what, (_, status) in NOT_OURS.items()}
    told = await front.ask(request(Upgrade="h2c"))
    assert (told.status, told.headers["upgrade"]) == (426, "websocket")
    assert not front.one.requests + front.two.requests


async def test_no_log_holds_a_token(front: Front) -> None:
    await front.connect(Authorization=f"Bearer {TOKEN}")
    await front.ask(request(f"/v1/ws?token={TOKEN}", Authorization=f"Bearer {TOKEN}"))
    await front.ask(request(f"/nowhere?token={TOKEN}"))
    await front.one.stop_listening()
    await front.two.stop_listening()
    assert (await front.ask(request(Authorization=f"Bearer {TOKEN}"))).status == 503
    for client in front.opened:
        client.end()
    access = front.place / "access.log"
    await front.until(lambda: len(access.read_text().splitlines()) >= 4)

    lines = [json.loads(line) for line in access.read_text().splitlines()]
    assert {line["status"] for line in lines} == {101, 400, 404, 503}
    assert {line["path"] for line in lines} <= {"/v1/ws", "/nowhere"}
    for log in (access, front.place / "service.log"):
        assert TOKEN not in log.read_text()


async def test_a_request_has_five_seconds(front: Front) -> None:
    client = await front.dial()
    client.writer.write(request()[:-2])
    await client.ended()


async def test_an_address_holds_so_many_sockets_and_no_more(front: Front) -> None:
    listen = front.place / "listen.conf"
    listen.write_text(listen.read_text().replace("addresses 65000", "addresses 3"))
    since = time.time()
    assert reload(front.place / "nginx.pid")
    await front.until_reloaded(since)
    clients = [await front.connect() for _ in range(3)]
    refused = await front.ask(request())
    assert (refused.status, refused.headers["retry-after"]) == (429, "60")
    clients[0].end()
    await front.until(lambda: sum(front.open) == 2)
    await front.until_open(2)

    await front.connect()


async def test_tls_is_new(front: Front) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        front.tls.maximum_version = version
        client = await front.connect()
        spoken = client.writer.get_extra_info("ssl_object").version()
        assert spoken == version.name.replace("_", ".")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_old_tls_is_refused(front: Front) -> None:
    front.tls.set_ciphers("DEFAULT@SECLEVEL=0")  # else our own side would refuse first
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        front.tls.minimum_version = version
        front.tls.maximum_version = version
        with pytest.raises(ssl.SSLError) as refused:
            await front.dial()
        assert refused.value.reason == "TLSV1_ALERT_PROTOCOL_VERSION"  # said by nginx


async def test_no_ticket_is_given(front: Front) -> None:
    front.tls.maximum_version = ssl.TLSVersion.TLSv1_2
    client = await front.connect()
    session = client.writer.get_extra_info("ssl_object").session

    assert not session.has_ticket


async def test_without_tls_nothing_is_said(front: Front) -> None:
    plain = await Client.connect(front.port)

    assert plain.status == 400
    plain.end()
    assert not front.one.requests + front.two.requests


async def test_an_unknown_certificate_is_refused_by_clients(front: Front) -> None:
    front.tls = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        await front.dial()
