"""Workers and gateways of any release on one stack, each a process that a test starts and ends."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from http.client import HTTPConnection
from typing import Any

from events.topics import GROUPS, PARTITIONS
from infra.stack.services import Service, gateway, worker
from infra.stack.stack import Stack
from tests.live import until
from tests.releases.newer import Release

GATEWAYS = ("gateway-1", "gateway-2")
_GATEWAY = {
    "CHAT_EDGE_SEND_RATE_PER_MINUTE": "60000",
    "CHAT_EDGE_SEND_BURST": "100",
    "CHAT_EDGE_DRAIN_SECONDS": "0.5",
}


def gateway_of(stack: Stack, name: str, release: Release) -> Service:
    """A gateway of a release."""
    return gateway(stack.ports, name, {**_GATEWAY, **release.environment})


class Processes:
    """What runs of which release."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._workers: list[str] = []

    async def start(self, name: str, release: Release, roles: Sequence[str] = GROUPS) -> None:
        """Start a worker; for that it must live, and its roles may have stopped."""
        service = worker(self.stack.ports, name, roles, release.environment)
        url = service.ready_url.replace("readyz", "livez")
        self._workers.append(name)
        await asyncio.to_thread(self.stack.run, replace(service, ready_url=url))
        service.save(self.stack.folder)

    async def end(self, *names: str) -> None:
        """End workers in good order."""
        for name in names:
            await asyncio.to_thread(self.stack.stop_part, name)
            self._workers.remove(name)

    async def end_all(self) -> None:
        """End every worker that still runs."""
        await self.end(*list(self._workers))

    async def roll_gateways(self, release: Release) -> None:
        """Replace one gateway after the other."""
        for name in GATEWAYS:
            await asyncio.to_thread(self.stack.stop_part, name)
            await asyncio.to_thread(self.stack.run, gateway_of(self.stack, name, release))

    def readiness(self, name: str) -> tuple[int, dict[str, dict[str, Any]]]:
        """The status and the roles of a worker's `/readyz`."""
        port = self.stack.ports.known()[f"{name}.health"]
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", "/readyz")
            response = connection.getresponse()
            return response.status, json.loads(response.read())["roles"]
        finally:
            connection.close()

    def stopped(self, name: str) -> dict[str, str]:
        """The roles of a worker that have stopped, and what each said."""
        roles = self.readiness(name)[1]
        return {role: said["stopped"] for role, said in roles.items() if said["stopped"]}

    async def until_stopped(self, name: str, *roles: str) -> dict[str, str]:
        """Wait until these roles of a worker have stopped; what all that have stopped said."""
        await until(lambda: {*roles} <= self.stopped(name).keys(), what=f"{roles} of {name} stop")
        return self.stopped(name)

    async def until_shared(self, *names: str) -> None:
        """Wait until every role of each worker has partitions."""
        for name in names:
            await until(
                lambda name=name: all(self.partitions(name).values()), what=f"{name} has partitions"
            )

    async def until_alone(self, name: str, *roles: str) -> None:
        """Wait until a worker has all partitions of these roles, which read facts or decide them.

        Admission and history read one topic, the others two.
        """
        wanted = {role: PARTITIONS * (2 - (role in ("admission", "history"))) for role in roles}
        await until(
            lambda: wanted.items() <= self.partitions(name).items(), what=f"{name} has {wanted}"
        )

    def partitions(self, name: str) -> dict[str, int]:
        """How many partitions each role of a worker has."""
        return {role: said["partitions"] for role, said in self.readiness(name)[1].items()}
