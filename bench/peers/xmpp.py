"""The load program for XMPP servers: `python -m bench.peers.xmpp <port> [acks]`.

In: commands of `bench.commands`. Out: its answers. Raw TCP, one protocol object a client and no
task a message, as our own client is, so that the server is what is measured. Accounts are made over
the stream itself (XEP-0077). With `acks` the server says what it has handled (XEP-0198) after each
message; without, a message counts by its delivery alone. XMPP clients here send no receipts.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Sequence

import uvloop

from bench.ledger import Side, Stage
from bench.load import serve
from bench.peers import stanzas
from bench.run import Client, Run

DOMAIN = "localhost"
ROOMS = f"conference.{DOMAIN}"

_ACK = b"<a "
_ASKED = b"<r"
_CONNECT_SECONDS = 60.0
_CONNECTING_MAX = 20
_PASSWORD = "bench"

_STANZAS = (b"<message", b"<iq", b"<presence")
"""What XEP-0198 counts."""


class XmppClient(asyncio.Protocol):
    """One client with one stream; `peer` answers for the other end of its conversation."""

    def __init__(self, name: str, peer_name: str, *, with_acks: bool) -> None:
        self.name = name
        self.ended_by = ""
        self.peer: Client = self
        self.group: Group | None = None
        self.run = Run(0, "", 0.0)
        self._with_acks = with_acks
        self._to = f"<message to='{peer_name}@{DOMAIN}' type='chat' id='r"
        self._reader = stanzas.StanzaReader()
        self._asked: deque[tuple[stanzas.IsAnswer, asyncio.Future[bytes]]] = deque()
        self._transport: asyncio.Transport
        self._acks_count = False
        self._stanzas_sent = 0
        self._stanzas_shown = 0
        self._unacked: deque[tuple[int, int, int]] = deque()
        self.begin(self.run)

    def begin(self, run: Run) -> None:
        self.run = run
        self._seq = 0
        self._sent, self._shown = Side(), Side()

    def send(self, due: float) -> None:
        number = self.run.ledger.sent(self._sent, due)
        self._seq += 1
        run = self.run
        text = f"{self._to}{run.number:08x}-{number}-{self._seq}'><body>{run.body}</body></message>"
        if self._with_acks:
            self._stanzas_sent += 1
            self._unacked.append((self._stanzas_sent, number, self._seq))
            self._transport.write(text.encode() + stanzas.ASK_FOR_ACK)
        else:
            self._transport.write(text.encode())

    def close(self) -> None:
        self.ended_by = "us"
        self._transport.write(stanzas.END)
        self._transport.close()

    async def log_in(self) -> None:
        """From the header of the stream to being present. Raises ConnectionError."""
        await self.ask(stanzas.header(DOMAIN), stanzas.is_features)
        # An account of an earlier log-in is an error that does not matter.
        await self.ask(stanzas.register(self.name, _PASSWORD), stanzas.is_iq("register"))
        said = await self.ask(stanzas.log_in(self.name, _PASSWORD), stanzas.is_sasl)
        if not said.startswith(b"<success"):
            raise ConnectionError(f"{self.name} may not log in: {said.decode(errors='replace')}")
        self._reader = stanzas.StanzaReader()
        await self.ask(stanzas.header(DOMAIN), stanzas.is_features)
        await self.ask(stanzas.BIND, stanzas.is_iq("bind"))
        if self._with_acks:
            await self.ask(stanzas.ENABLE_ACKS, stanzas.is_enabled)
            self._acks_count = True
        await self.ask(
            self.counted(stanzas.PRESENT + stanzas.ARE_YOU_THERE, 2), stanzas.is_iq("ping")
        )

    async def ask(self, data: bytes, is_answer: stanzas.IsAnswer) -> bytes:
        """Send, and wait for the first stanza that answers it."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asked.append((is_answer, future))
        self._transport.write(data)
        return await future

    def counted(self, data: bytes, count: int = 1) -> bytes:
        """Stanzas that the server will count."""
        self._stanzas_sent += count
        return data

    def speak_in(self, room: str) -> None:
        """Send to a room from now on."""
        self._to = f"<message to='{room}' type='groupchat' id='r"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        for stanza in self._reader.feed(data):
            if self._acks_count and stanza.startswith(_STANZAS):
                self._stanzas_shown += 1
            if self._asked:
                self._answer(stanza)
            if stanza.startswith(b"<message"):
                self._message(stanza, now)
            elif stanza.startswith(_ACK):
                self._acked(stanzas.handled(stanza), now)
            elif stanza.startswith(_ASKED) and self._acks_count:
                self._transport.write(stanzas.ack(self._stanzas_shown))
            elif stanza.startswith(b"<stream:error"):
                self.run.problems[stanza.decode(errors="replace")] += 1

    def connection_lost(self, error: Exception | None) -> None:
        for _, future in self._asked:
            if not future.done():
                future.set_exception(ConnectionError(f"{self.name} was disconnected: {error}"))
        if not self.ended_by:
            self.ended_by = f"lost: {error}" if error else "lost"
            self.run.problems[f"closed: {self.ended_by}"] += 1

    def _answer(self, stanza: bytes) -> None:
        is_answer, future = self._asked[0]
        if is_answer(stanza):
            self._asked.popleft()
            future.set_result(stanza)

    def _message(self, stanza: bytes, now: float) -> None:
        found = stanzas.message_of(stanza)
        run = self.run
        if found is None or (self.group is None and found[0] != run.number):
            return
        if stanzas.is_error(stanza):
            run.problems["refused"] += 1
            run.ledger.refused(self._sent, found[1])
        elif self.group is not None:
            self.group.shown(self.name, found, now)
        else:
            run.arrived(self.peer, self._shown, found[1], found[2], now)

    def _acked(self, handled: int, now: float) -> None:
        while self._unacked and self._unacked[0][0] <= handled:
            _, number, seq = self._unacked.popleft()
            self.run.ledger.accepted(self._sent, number, seq, now)


class Group:
    """One who speaks and all who are shown it, himself among them.

    A message has arrived when every member was shown it; what one member was shown twice, out of
    order or not at all is counted as in a pair.
    """

    ended_by = ""

    def __init__(self, speaker: XmppClient, members: Sequence[XmppClient]) -> None:
        self._speaker = speaker
        self._members = members
        self.begin(speaker.run)

    def begin(self, run: Run) -> None:
        """Take part in another run."""
        self.run = run
        self._speaker.begin(run)
        self._side = Side()
        self._seqs = {member.name: 0 for member in self._members}
        self._shown_to: dict[int, int] = {}

    def send(self, due: float) -> None:
        """Speak."""
        self._speaker.send(due)

    def close(self) -> None:
        """End every member's socket."""
        self.ended_by = "us"
        for member in self._members:
            member.close()

    def shown(self, name: str, found: tuple[int, int, int], now: float) -> None:
        """A member was shown a message."""
        run_number, number, seq = found
        ledger = self.run.ledger
        if run_number != self.run.number:
            return
        newest = self._seqs[name]
        if seq <= newest:
            ledger.doubled += 1
            return
        ledger.gaps += seq > newest + 1
        self._seqs[name] = seq
        count = self._shown_to.get(number, 0) + 1
        if count < len(self._members):
            self._shown_to[number] = count
            return
        self._shown_to.pop(number, None)
        self.run.arrived(self, self._side, number, seq, now)


class XmppClients:
    """Opens clients against one server, a few at a time."""

    def __init__(self, port: int, *, with_acks: bool) -> None:
        self._port = port
        self._with_acks = with_acks
        self._connecting = asyncio.Semaphore(_CONNECTING_MAX)

    async def pairs(self, count: int) -> list[Client]:
        """Open so many pairs, two by two."""
        clients = []
        for pair in range(count):
            first, second = (
                self._client(f"pair-{pair}-{mine}", f"pair-{pair}-{theirs}")
                for mine, theirs in ("ab", "ba")
            )
            first.peer, second.peer = second, first
            clients += [first, second]
        await self._open(clients)
        return list(clients)

    async def idle(self, count: int) -> list[Client]:
        """Open so many clients that say nothing."""
        clients = [self._client(f"idle-{number}", "nobody") for number in range(count)]
        await self._open(clients)
        return list(clients)

    async def group(self, members: int) -> list[Client]:
        """Open so many clients and let them enter one room."""
        clients = [self._client(f"member-{number}", "nobody") for number in range(members)]
        await self._open(clients)
        room, speaker = f"everyone@{ROOMS}", clients[0]
        for client in clients:
            await client.ask(
                client.counted(stanzas.enter(room, client.name)), stanzas.is_own_presence
            )
            if client is speaker:
                await client.ask(client.counted(stanzas.unlock(room)), stanzas.is_iq("unlock"))
        speaker.speak_in(room)
        group = Group(speaker, clients)
        for client in clients:
            client.group = group
        return [group]

    async def close(self) -> None:
        """Nothing is shared."""

    def _client(self, name: str, peer_name: str) -> XmppClient:
        return XmppClient(name, peer_name, with_acks=self._with_acks)

    async def _open(self, clients: Sequence[XmppClient]) -> None:
        await asyncio.gather(*(self._open_one(client) for client in clients))

    async def _open_one(self, client: XmppClient) -> None:
        async with self._connecting, asyncio.timeout(_CONNECT_SECONDS):
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: client, "127.0.0.1", self._port)
            await client.log_in()


def main(arguments: Sequence[str]) -> int:
    """Run the load program."""
    port, *options = arguments
    with_acks = "acks" in options
    wanted = Stage.DELIVERED | (Stage.ACCEPTED if with_acks else Stage(0))
    return uvloop.run(serve(XmppClients(int(port), with_acks=with_acks), wanted))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
