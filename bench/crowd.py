"""What crowds do at a gateway's door: everybody comes back at once; a storm of handshakes.

In: devices that are connected, or a rate. Out: how long it took, and what the door answered. Those
who come back keep to what they are told: after a 429 or 503 they wait as long as it says, and a
little more, each another time. A storm keeps to nothing.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from errno import errorcode
from random import Random
from urllib.parse import urlsplit

from bench.commands import Reconnected, Stormed
from bench.devices import Opener, address_of
from bench.figures import quantiles_ms
from bench.returning import ReturningDevice
from bench.run import Run
from bench.socket import Refused

_JITTER_SECONDS = 1.0
_AGAIN_SECONDS = 0.5
_POLL_SECONDS = 0.02
_SEED = 7
_TICK_SECONDS = 0.002
_ANSWER_SECONDS = 5.0


async def come_back(
    devices: Sequence[ReturningDevice], opener: Opener, run: Run, seconds_max: float
) -> Reconnected:
    """Cut all, have all come back, each send a message, and wait until all of it is settled."""
    random = Random(_SEED)
    tokens = {device.user_id: opener.token(device.user_id) for device in devices}
    handshakes: Counter[str] = Counter()
    live: list[float] = []
    for device in devices:
        device.begin(run)
    run.ledger.measure_from(0.0)
    began = run.clock()
    for device in devices:
        device.cut()

    async def back(device: ReturningDevice) -> None:
        await asyncio.sleep(random.random() * _JITTER_SECONDS)
        while True:
            device.returns()
            try:
                await opener.open_one(device, tokens[device.user_id])
                handshakes["101"] += 1
                await device.live
                break
            except Refused as refused:
                handshakes[str(refused.status)] += 1
                wait_seconds = refused.retry_after_seconds
            except OSError as error:
                handshakes[type(error).__name__] += 1
                wait_seconds = _AGAIN_SECONDS
            await asyncio.sleep(wait_seconds + random.random() * _JITTER_SECONDS)
        live.append(run.clock() - began)
        device.send(run.clock())

    try:
        async with asyncio.timeout(seconds_max):
            await asyncio.gather(*(back(device) for device in devices))
            while not run.ledger.is_settled:
                run.read_due(run.clock())
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        run.problems["not_in_time"] += 1
    ledger = run.ledger
    return Reconnected(
        devices=len(devices),
        live=quantiles_ms(live),
        handshakes=dict(handshakes),
        messages=len(ledger),
        missing=ledger.missing(),
        doubled=ledger.doubled,
        reordered=ledger.reordered,
        gaps=ledger.gaps,
        problems=dict(run.problems),
        settled_after_seconds=round(run.clock() - began, 2),
    )


class _Knock(asyncio.Protocol):
    """One handshake: asks, takes the first line of the answer, and is gone."""

    def __init__(self, request: bytes, outcomes: Counter[str]) -> None:
        self._request = request
        self._outcomes = outcomes
        self._outcome = "lost"
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._outcome = data[9:12].decode("ascii", "replace")
        self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._outcomes[self._outcome] += 1


async def storm(url: str, request: bytes, rate: float, seconds: float) -> Stormed:
    """Begin handshakes at a rate; those without an answer in time are `lost`."""
    parts = urlsplit(url)
    assert parts.hostname is not None, url
    assert parts.port is not None, url
    host, port = parts.hostname, parts.port
    loop = asyncio.get_running_loop()
    outcomes: Counter[str] = Counter()
    under_way: set[asyncio.Task[None]] = set()
    begun = 0
    began = time.perf_counter()

    async def knock(number: int) -> None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await loop.create_connection(
                    lambda: _Knock(request, outcomes),
                    host,
                    port,
                    local_addr=(address_of(f"storm-{number}"), 0),
                )
        except OSError as error:  # TimeoutError is one
            outcomes[errorcode.get(error.errno or 0, type(error).__name__)] += 1

    while (passed := time.perf_counter() - began) < seconds:
        while begun < passed * rate:
            task = loop.create_task(knock(begun))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            begun += 1
        await asyncio.sleep(_TICK_SECONDS)
    took = time.perf_counter() - began
    if under_way:
        await asyncio.wait(under_way, timeout=_ANSWER_SECONDS)
    await asyncio.sleep(_ANSWER_SECONDS / 5)
    outcomes["unanswered"] = begun - outcomes.total()
    return Stormed(begun=begun, outcomes=dict(+outcomes), seconds=round(took, 2))
