"""The gateway as a process of its own: what it imports, what it is connected to, how it ends."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.stack.stack import Stack
from tests.edge.conftest import World, free_port
from tests.edge.socket import Client, request
from tests.live import WAIT_SECONDS

FOREIGN = ("cassandra", "redis", "projections", "processors", "faust", "infra.registry")
CANARY = "canary-7d1f0c"


def test_the_edge_imports_no_store_no_registry_and_no_worker() -> None:
    program = (
        "import sys, edge.__main__, edge.gateway\n"
        f"foreign = [name for name in sys.modules if name.startswith({FOREIGN!r})]\n"
        "assert not foreign, foreign\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


class Process:
    """A gateway that runs."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, health: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.health = health
        self.log = log

    async def status(self, path: str) -> int:
        client = await Client.dial(self.health)
        client.writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await client.read_head()
        client.end()
        return client.status

    async def ready(self) -> None:
        give_up_at = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                if await self.status("/readyz") == 200:
                    return
            except OSError:
                assert time.monotonic() < give_up_at, self.log.read_text()
                assert self.process.poll() is None, self.log.read_text()
            await asyncio.sleep(0.1)


@contextmanager
def process(stack: Stack, world: World, folder: Path, **environment: str) -> Iterator[Process]:
    port, health = free_port(), free_port()
    log = folder / "gateway.log"
    with log.open("wb") as file:
        started = subprocess.Popen(
            [sys.executable, "-m", "edge"],
            env={
                **os.environ,
                **stack.environment(),
                "CHAT_GATEWAY_ID": f"process-{port}",
                "CHAT_EDGE_PORT": str(port),
                "CHAT_EDGE_HEALTH_PORT": str(health),
                "CHAT_TOKEN_JWKS_FILE": str(world.tokens.jwks_file),
                "CHAT_TOKEN_SIGNING_KEY_FILE": str(world.tokens.signing_key_file),
                **environment,
            },
            stdout=file,
            stderr=file,
        )
    try:
        yield Process(started, port, health, log)
    finally:
        started.kill()
        started.wait()


def ports_of(pid: int) -> tuple[set[int], set[int]]:
    """The ports that a process listens on, and those it is connected to by itself."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith("socket:"):
            inodes.add(target[8:-1])
    listening: set[int] = set()
    pairs: list[tuple[int, int]] = []
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes:
                local, remote = (int(fields[n].rsplit(":", 1)[1], 16) for n in (1, 2))
                if fields[3] == "0A":
                    listening.add(local)
                else:
                    pairs.append((local, remote))
    return listening, {remote for local, remote in pairs if local not in listening}


@pytest.mark.asyncio(loop_scope="session")
async def test_a_running_gateway_is_connected_to_kafka_and_its_clients_only(
    stack: Stack, world: World, tmp_path: Path
) -> None:
    with process(stack, world, tmp_path, CHAT_EDGE_DRAIN_SECONDS="5") as gateway:
        await gateway.ready()
        client = await Client.connect(gateway.port)
        assert (await client.hello(world.token("process-ann")))["user_id"] == "process-ann"
        client.send({"type": "inbox", "id": "1"})
        client.send_message("bob", CANARY)
        client.send(f'{{"type":"{CANARY}"}}')
        assert (await client.receive())["code"] == "unknown_type"
        for bad in (f"Bearer {CANARY}", f"Basic {CANARY}"):
            refused = await Client.connect(gateway.port, Authorization=bad)
            assert refused.status == 401
            refused.end()
        refused = await Client.connect(gateway.port, request(f"/v1/ws?token={CANARY}"))
        assert refused.status == 400
        refused.end()
        other = await Client.connect(gateway.port)
        assert (await other.hello(f"{CANARY}.x.y"))["code"] == "not_authenticated"
        other.end()
        kafka_ports = {int(one.rsplit(":", 1)[1]) for one in world.kafka.bootstrap.split(",")}
        listening, peers = ports_of(gateway.process.pid)
        assert listening == {gateway.port, gateway.health}
        assert peers == kafka_ports
        for path in ("/livez", "/readyz", "/metrics", "/version"):
            assert await gateway.status(path) == 200
        gateway.process.send_signal(signal.SIGTERM)
        while await gateway.status("/readyz") != 503:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
        with pytest.raises(OSError, match="Connect call failed"):
            await Client.dial(gateway.port)
        assert (await client.closed()).code == 1012
        client.end()
        assert await asyncio.to_thread(gateway.process.wait, 60) == 0
        log = gateway.log.read_text()
        assert CANARY not in log
        assert "Traceback" not in log
        assert "gateway stopped" in log


@pytest.mark.asyncio(loop_scope="session")
async def test_bad_settings_and_development_keys_in_production_end_it_with_78(
    stack: Stack, world: World, tmp_path: Path
) -> None:
    for environment, word in (
        ({"CHAT_EDGE_PORT": "no port"}, "CHAT_EDGE_PORT"),
        ({"CHAT_TOKEN_ENVIRONMENT": "production"}, "development"),
    ):
        with process(stack, world, tmp_path, **environment) as gateway:
            assert await asyncio.to_thread(gateway.process.wait, 60) == 78
            log = gateway.log.read_text()
            assert word in log
            assert "Traceback" not in log
