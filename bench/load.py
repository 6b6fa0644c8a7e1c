"""The load program: `python -m bench.load`. Load on gateways, told what to do by lines.

In: commands as JSON lines on standard input, gateways and signing key from the settings. Out:
answers as JSON lines on standard output (`bench.commands`). One process, one thread, no task a
message.

Open loop: a tick about every millisecond sends what is due by then. Latencies count from the due
time, so the load's own lateness (`late`) is part of what is measured. Closed loop: each delivery
makes its sender send the next message; latencies count from the sending.

What is loaded is a matter of `Clients`: `serve` drives any kind.
"""

import asyncio
import gc
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from secrets import randbits
from string import ascii_letters

import msgspec
import uvloop

from bench import crowd, devices
from bench.commands import (
    Answer,
    Command,
    Connected,
    ConnectGroup,
    ConnectIdle,
    ConnectPairs,
    Failed,
    Finish,
    Finished,
    Flow,
    Load,
    Loaded,
    Measuring,
    Reconnect,
    Sent,
    Storm,
)
from bench.figures import quantiles_ms
from bench.ledger import ALL, Stage
from bench.pace import schedule
from bench.returning import ReturningDevice
from bench.run import Client, Clients, Run
from bench.socket import upgrade_request
from infra.settings import load

_SEED = 1
_RUN_BITS = 32
_TICK_SECONDS = 0.001
_POLL_SECONDS = 0.02
_FAREWELL_SECONDS = 0.2

Tell = Callable[[Answer], None]


class Loader:
    """Holds the sockets and carries out the commands, one after the other."""

    def __init__(self, clients: Clients, wanted: Stage, tell: Tell) -> None:
        self._clients = clients
        self._wanted = wanted
        self._tell = tell
        self._pairs: list[Client] = []
        self._idle: list[Client] = []
        self._group: list[Client] = []
        self._run = randbits(_RUN_BITS)

    async def do(self, command: Command) -> Answer:
        """Carry out one command; its result."""
        match command:
            case ConnectPairs():
                opening = (
                    self._ours().pairs(command.count, returning=True)
                    if command.returning
                    else self._clients.pairs(command.count)
                )
                return await self._connect(self._pairs, opening)
            case ConnectIdle():
                return await self._connect(self._idle, self._clients.idle(command.count))
            case ConnectGroup():
                return await self._connect(self._group, self._clients.group(command.members))
            case Load():
                run = self._begin(command, self._pairs)
                return await self._settle(command, run, await self._send(command, run))
            case Flow():
                senders = self._group[:1] if command.in_group else self._pairs[::2]
                everyone = self._group[:1] if command.in_group else self._pairs
                run = self._begin(command, everyone)
                delivered = await self._flow(command, run, senders)
                answer = await self._settle(command, run, [])
                return msgspec.structs.replace(answer, measured_messages=delivered)
            case Reconnect(seconds_max):
                back = [one for one in self._pairs if isinstance(one, ReturningDevice)]
                return await crowd.come_back(back, self._ours(), self._new_run(), seconds_max)
            case Storm(rate, seconds):
                url = self._ours().urls[0]
                return await crowd.storm(url, upgrade_request(url, None), rate, seconds)
            case Finish():
                return await self._finish()

    async def _connect(self, held: list[Client], opening: Awaitable[list[Client]]) -> Answer:
        began = time.perf_counter()
        new = await opening
        held += new
        gc.collect()
        gc.freeze()
        return Connected(len(new), round(time.perf_counter() - began, 2))

    def _ours(self) -> devices.Opener:
        """Who opens devices of chatlog; what needs him is asked of nobody else's clients."""
        assert isinstance(self._clients, devices.Opener), "only our devices come back"
        return self._clients

    def _new_run(self, body_bytes: int = 80, read_after_seconds: float = 0.02) -> Run:
        self._run = (self._run + 1) % 2**_RUN_BITS  # No message of an earlier run is repeated.
        body = "".join(Random(self._run).choices(ascii_letters, k=body_bytes))
        return Run(self._run, body, read_after_seconds, self._wanted)

    def _begin(self, command: Load | Flow, clients: list[Client]) -> Run:
        run = self._new_run(command.body_bytes, command.read_after_seconds)
        for client in clients:
            client.begin(run)
        return run

    async def _settle(self, command: Load | Flow, run: Run, late: list[float]) -> Loaded:
        sent_at = time.perf_counter()
        while (now := time.perf_counter()) < sent_at + command.settle_seconds_max:
            run.read_due(now)
            if run.ledger.is_settled:
                break
            await asyncio.sleep(_POLL_SECONDS)
        return Loaded(
            messages=len(run.ledger),
            measured_messages=len(late),
            latencies=run.ledger.quantiles(),
            late=quantiles_ms(late),
            missing=run.ledger.missing(),
            doubled=run.ledger.doubled,
            reordered=run.ledger.reordered,
            gaps=run.ledger.gaps,
            problems=dict(run.problems),
            settled_after_seconds=round(time.perf_counter() - sent_at, 2),
        )

    async def _flow(self, command: Flow, run: Run, senders: list[Client]) -> int:
        """Keep messages under way; how many were delivered in the measured time."""
        measured_from = time.perf_counter() + command.warm_up_seconds
        run.ledger.measure_from(measured_from)
        run.is_flowing = True
        for _ in range(command.in_flight):
            for sender in senders:
                sender.send(time.perf_counter())
        await self._pass_time(run, measured_from)
        self._tell(Measuring())
        before = run.delivered
        await self._pass_time(run, measured_from + command.seconds)
        delivered = run.delivered - before
        run.is_flowing = False
        self._tell(Sent(delivered))
        return delivered

    async def _pass_time(self, run: Run, until: float) -> None:
        while (now := time.perf_counter()) < until:
            run.read_due(now)
            await asyncio.sleep(_TICK_SECONDS)

    async def _send(self, command: Load, run: Run) -> list[float]:
        """Send by the schedule; how late each message of the measured time was sent."""
        began = time.perf_counter()
        measured_from = began + command.warm_up_seconds
        run.ledger.measure_from(measured_from)
        total_seconds = command.warm_up_seconds + command.seconds
        messages = schedule(_SEED, command.rate, total_seconds, len(self._pairs))
        late: list[float] = []
        is_measuring = False
        upcoming = next(messages, None)
        while upcoming is not None or time.perf_counter() < began + total_seconds:
            now = time.perf_counter()
            if not is_measuring and now >= measured_from:
                is_measuring = True
                self._tell(Measuring())
            while upcoming is not None and (due := began + upcoming[0]) <= now:
                if due >= measured_from:
                    late.append(now - due)
                self._pairs[upcoming[1]].send(due)
                upcoming = next(messages, None)
            run.read_due(now)
            await asyncio.sleep(_TICK_SECONDS)
        self._tell(Sent(len(late)))
        return late

    async def _finish(self) -> Answer:
        everyone = [*self._pairs, *self._idle, *self._group]
        ended = Counter(client.ended_by for client in everyone if client.ended_by)
        for client in everyone:
            if not client.ended_by:
                client.close()
        await asyncio.sleep(_FAREWELL_SECONDS)
        await self._clients.close()
        return Finished(dict(ended))


async def serve(clients: Clients, wanted: Stage = ALL) -> int:
    """Carry out the commands of standard input until the last; the exit status.

    A message is settled when it has reached every wanted stage.
    """
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)

    def tell(answer: Answer) -> None:
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()

    loader = Loader(clients, wanted, tell)
    decoder = msgspec.json.Decoder(Command)
    while line := await lines.readline():
        command = decoder.decode(line)
        try:
            answer = await loader.do(command)
        except (OSError, TimeoutError) as error:
            tell(Failed(f"{type(command).__name__} failed: {type(error).__name__} {error}".strip()))
            return 1
        tell(answer)
        if isinstance(command, Finish):
            break
    return 0


def main() -> int:
    """Run the load program."""
    return uvloop.run(serve(devices.Opener(load(devices.Settings))))


if __name__ == "__main__":
    sys.exit(main())
