"""The load program: `python -m bench.load`. Open-loop load on gateways, told what to do by lines.

In: commands as JSON lines on standard input, gateways and signing key from the settings. Out:
answers as JSON lines on standard output (`bench.commands`). One process, one thread, no task a
message: a tick about every millisecond sends what is due by then. Latencies count from the due
time, so the load's own lateness (`late`) is part of what is measured.
"""

import asyncio
import gc
import sys
import time
from collections import Counter
from collections.abc import Callable
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
    ConnectIdle,
    ConnectPairs,
    Failed,
    Finish,
    Finished,
    Load,
    Loaded,
    Measuring,
    Reconnect,
    Sent,
    Storm,
)
from bench.device import Device, Run
from bench.figures import quantiles_ms
from bench.pace import schedule
from bench.returning import ReturningDevice
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

    def __init__(self, settings: devices.Settings, tell: Tell) -> None:
        self._opener = devices.Opener(settings)
        self._tell = tell
        self._pairs: list[Device] = []
        self._idle: list[Device] = []
        self._run = randbits(_RUN_BITS)

    async def do(self, command: Command) -> Answer:
        """Carry out one command; its result."""
        match command:
            case ConnectPairs():
                new = devices.pairs(command.count, returning=command.returning)
                return await self._connect(self._pairs, new)
            case ConnectIdle():
                return await self._connect(self._idle, devices.idle(command.count))
            case Load():
                return await self._load(command)
            case Reconnect(seconds_max):
                back = [one for one in self._pairs if isinstance(one, ReturningDevice)]
                return await crowd.come_back(back, self._opener, self._new_run(), seconds_max)
            case Storm(rate, seconds):
                url = self._opener.urls[0]
                return await crowd.storm(url, upgrade_request(url, None), rate, seconds)
            case Finish():
                return await self._finish()

    async def _connect(self, held: list[Device], new: list[Device]) -> Answer:
        began = time.perf_counter()
        await self._opener.open(new)
        held += new
        gc.collect()
        gc.freeze()
        return Connected(len(new), round(time.perf_counter() - began, 2))

    async def _load(self, command: Load) -> Answer:
        run = self._new_run(command.body_bytes, command.read_after_seconds)
        for device in self._pairs:
            device.begin(run)
        began = time.perf_counter()
        measured_from = began + command.warm_up_seconds
        run.ledger.measure_from(measured_from)
        late = await self._send(command, run, began, measured_from)
        self._tell(Sent(len(late)))
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

    def _new_run(self, body_bytes: int = 80, read_after_seconds: float = 0.02) -> Run:
        self._run = (self._run + 1) % 2**_RUN_BITS  # No message of an earlier run is repeated.
        body = "".join(Random(self._run).choices(ascii_letters, k=body_bytes))
        return Run(self._run, body, read_after_seconds)

    async def _send(
        self, command: Load, run: Run, began: float, measured_from: float
    ) -> list[float]:
        """Send by the schedule; how late each message of the measured time was sent."""
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
        return late

    async def _finish(self) -> Answer:
        everyone = [*self._pairs, *self._idle]
        ended = Counter(device.ended_by for device in everyone if device.ended_by)
        for device in everyone:
            if not device.ended_by:
                device.close()
        await asyncio.sleep(_FAREWELL_SECONDS)
        return Finished(dict(ended))


async def serve(settings: devices.Settings) -> int:
    """Carry out the commands of standard input until the last; the exit status."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)

    def tell(answer: Answer) -> None:
        sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
        sys.stdout.buffer.flush()

    loader = Loader(settings, tell)
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
    return uvloop.run(serve(load(devices.Settings)))


if __name__ == "__main__":
    sys.exit(main())
