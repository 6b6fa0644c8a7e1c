"""The load program for Matrix servers: `python -m bench.peers.matrix <url> <file of the secret>`.

In: commands of `bench.commands`. Out: its answers. A client is a person with one device: he asks
for news by a long poll (`/sync`) all the time, and puts one message after the other, as clients do
that must keep their order. A message is accepted when its PUT is answered, delivered when the other
device's poll has it. Accounts are made with the server's registration secret.
"""

import asyncio
import hmac
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import uvloop

from bench.ledger import Side, Stage
from bench.load import serve
from bench.run import Client, Run

_API = "/_matrix/client/v3"
_CONNECTING_MAX = 4
_POLL_MS = 30_000
_TRY_AGAIN_SECONDS = 0.5
_FILTER = msgspec.json.encode(
    {
        "presence": {"types": []},
        "account_data": {"types": []},
        "room": {
            "account_data": {"types": []},
            "ephemeral": {"types": []},
            "state": {"lazy_load_members": True},
            "timeline": {"types": ["m.room.message"], "limit": 100},
        },
    }
).decode()

Answer = dict[str, Any]


class MatrixClient:
    """One device."""

    def __init__(self, name: str, http: aiohttp.ClientSession) -> None:
        self.name = name
        self.user_id = ""
        self.ended_by = ""
        self.peer: Client = self
        self.room_id = ""
        self._http = http
        self._token = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._live = asyncio.Event()
        self._outbox: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        self.begin(Run(0, "", 0.0))

    def begin(self, run: Run) -> None:
        self.run = run
        self._seq = 0
        self._sent, self._shown = Side(), Side()

    def send(self, due: float) -> None:
        number = self.run.ledger.sent(self._sent, due)
        self._seq += 1
        self._outbox.put_nowait((number, self._seq))

    def close(self) -> None:
        self.ended_by = "us"
        for task in self._tasks:
            task.cancel()

    async def register(self, secret: str) -> None:
        """Make an account, and have a token for this device."""
        path = "/_synapse/admin/v1/register"
        nonce = (await self.ask("GET", path))["nonce"]
        said = "\0".join((nonce, self.name, "bench", "notadmin"))
        account = {
            "nonce": nonce,
            "username": self.name,
            "password": "bench",
            "admin": False,
            "mac": hmac.new(secret.encode(), said.encode(), "sha1").hexdigest(),
        }
        answer = await self.ask("POST", path, account)
        if "access_token" not in answer:  # It was made for an earlier load program.
            answer = await self.ask("POST", f"{_API}/login", _log_in(self.name))
        self.user_id, self._token = answer["user_id"], answer["access_token"]

    async def go_live(self) -> None:
        """Ask for news from now on; returns when the first answer is here."""
        self._tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._write())]
        await self._live.wait()

    async def ask(
        self,
        method: str,
        path: str,
        body: Answer | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; an answer that is not 200 is a problem, and empty."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        async with self._http.request(
            method, path, json=body, params=query, headers=headers
        ) as response:
            if response.status == 200:
                answer: Answer = msgspec.json.decode(await response.read())
                return answer
            self.run.problems[f"{response.status}"] += 1
            return {}

    async def _write(self) -> None:
        while True:
            number, seq = await self._outbox.get()
            run = self.run
            name = f"r{run.number:08x}-{number}-{seq}"
            path = f"{_API}/rooms/{self.room_id}/send/m.room.message/{name}"
            body = {"msgtype": "m.text", "body": run.body, "bench": name}
            try:
                accepted = await self.ask("PUT", path, body)
            except aiohttp.ClientError as error:
                accepted = {}
                run.problems[type(error).__name__] += 1
            if accepted:
                run.ledger.accepted(self._sent, number, seq, time.perf_counter())
            else:
                run.ledger.refused(self._sent, number)

    async def _watch(self) -> None:
        since: dict[str, str] = {}
        while True:
            query = {"filter": _FILTER, "timeout": str(_POLL_MS if since else 0), **since}
            try:
                answer = await self.ask("GET", f"{_API}/sync", query=query)
            except aiohttp.ClientError as error:
                answer = {}
                self.run.problems[type(error).__name__] += 1
            if not answer:
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
                continue
            if since:
                self._news(answer, time.perf_counter())
            since = {"since": answer["next_batch"]}
            self._live.set()

    def _news(self, answer: Answer, now: float) -> None:
        for room in answer.get("rooms", {}).get("join", {}).values():
            timeline = room["timeline"]
            if timeline.get("limited"):
                self.run.problems["a gap in the timeline"] += 1
            for event in timeline["events"]:
                name = event["content"].get("bench")
                if event["sender"] == self.user_id or not name:
                    continue
                run_number, number, seq = name[1:].split("-")
                if int(run_number, 16) == self.run.number:
                    self.run.arrived(self.peer, self._shown, int(number), int(seq), now)


class MatrixClients:
    """Opens clients against one server, a few at a time."""

    def __init__(self, url: str, secret: str) -> None:
        self._http = aiohttp.ClientSession(
            url,
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=120),
        )
        self._secret = secret
        self._connecting = asyncio.Semaphore(_CONNECTING_MAX)

    async def pairs(self, count: int) -> list[Client]:
        """Open so many pairs, each in a room of its own."""
        pairs = [
            (MatrixClient(f"pair-{pair}-a", self._http), MatrixClient(f"pair-{pair}-b", self._http))
            for pair in range(count)
        ]
        await self._all([self._open_pair(*pair) for pair in pairs])
        return [client for pair in pairs for client in pair]

    async def idle(self, count: int) -> list[Client]:
        """Open so many clients that say nothing."""
        clients = [MatrixClient(f"idle-{number}", self._http) for number in range(count)]
        await self._all([self._open(client) for client in clients])
        return list(clients)

    async def group(self, members: int) -> list[Client]:
        """Not measured: a message for 256 polls takes such a server seconds."""
        return []

    async def close(self) -> None:
        """Close the connections that clients shared."""
        await self._http.close()

    async def _open_pair(self, first: MatrixClient, second: MatrixClient) -> None:
        first.peer, second.peer = second, first
        for client in (first, second):
            await client.register(self._secret)
        room = {"preset": "trusted_private_chat", "is_direct": True, "invite": [second.user_id]}
        made = await first.ask("POST", f"{_API}/createRoom", room)
        if not made:
            raise ConnectionError(f"{first.name} could not make a room")
        first.room_id = second.room_id = made["room_id"]
        await second.ask("POST", f"{_API}/join/{second.room_id}", {})
        for client in (first, second):
            await client.go_live()

    async def _open(self, client: MatrixClient) -> None:
        await client.register(self._secret)
        await client.go_live()

    async def _all(self, opening: Sequence[Coroutine[None, None, None]]) -> None:
        async def one(coroutine: Coroutine[None, None, None]) -> None:
            async with self._connecting:
                await coroutine

        await asyncio.gather(*map(one, opening))


def _log_in(name: str) -> Answer:
    who = {"type": "m.id.user", "user": name}
    return {"type": "m.login.password", "identifier": who, "password": "bench"}


async def _serve(url: str, secret: str) -> int:
    return await serve(MatrixClients(url, secret), Stage.ACCEPTED | Stage.DELIVERED)


def main(arguments: Sequence[str]) -> int:
    """Run the load program."""
    url, secret_file = arguments
    return uvloop.run(_serve(url, Path(secret_file).read_text().strip()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
