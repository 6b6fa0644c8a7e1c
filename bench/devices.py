"""Opens the devices of a benchmark against the gateways, a few at a time.

In: the gateways and the key that signs tokens for development. Out: devices that are live: each
has a session, and all that happens from now on is delivered to it.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from zlib import crc32

from bench.device import Device
from bench.returning import ReturningDevice
from bench.run import Client, Run
from bench.socket import connect
from infra import tokens
from infra.settings import ClientSettings, TokenSettings

_CONNECT_SECONDS = 30.0
_CONNECTING_MAX = 40
_TOKEN_SECONDS = 6 * 3600


@dataclass(frozen=True, slots=True)
class Settings:
    """What the load program is told by the environment."""

    client: ClientSettings
    tokens: TokenSettings


class Opener:
    """Opens devices; neighbours in a list go to different gateways."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key = tokens.ensure_development_key(settings.tokens)
        self.urls = settings.client.urls
        self._urls = cycle(settings.client.urls)
        self._connecting = asyncio.Semaphore(_CONNECTING_MAX)

    async def pairs(self, count: int, *, returning: bool = False) -> list[Client]:
        """Open the devices of so many direct conversations, two by two."""
        return await self._open_all(pairs(count, returning=returning))

    async def idle(self, count: int) -> list[Client]:
        """Open devices that say nothing."""
        return await self._open_all(idle(count))

    async def group(self, members: int) -> list[Client]:
        """There are no groups yet."""
        return []

    async def close(self) -> None:
        """Nothing is shared."""

    async def _open_all(self, devices: Sequence[Device]) -> list[Client]:
        """Open the devices and wait until all are live. Raises OSError and TimeoutError."""
        await asyncio.gather(*(self._open(device) for device in devices))
        async with asyncio.timeout(_CONNECT_SECONDS):
            for device in devices:
                await device.live
        return list(devices)

    async def open_one(self, device: Device, token: str | None = None) -> None:
        """Open the socket of a device. Raises OSError, of which Refused."""
        device.socket = await connect(
            next(self._urls),
            token or self.token(device.user_id),
            device.shown,
            device.ended,
            address_of(device.user_id),
        )

    def token(self, user_id: str) -> str:
        """An access token."""
        return tokens.mint(
            self._key,
            self._settings.tokens,
            user_id=user_id,
            device_id="bench",
            now_seconds=int(time.time()),
            lifetime_seconds=_TOKEN_SECONDS,
        )

    async def _open(self, device: Device) -> None:
        async with self._connecting, asyncio.timeout(_CONNECT_SECONDS):
            await self.open_one(device)


def address_of(name: str) -> str:
    """The address of this machine that somebody comes from, as if people were at many places."""
    number = crc32(name.encode())
    return f"127.{1 + (number >> 16) % 200}.{(number >> 8) % 256}.{1 + number % 254}"


def pairs(count: int, *, returning: bool = False) -> list[Device]:
    """The devices of so many direct conversations, two by two."""
    run = Run(0, "", 0.0)
    kind = ReturningDevice if returning else Device
    devices: list[Device] = []
    for pair in range(count):
        first, second = (
            kind(f"pair-{pair}-{mine}", f"pair-{pair}-{theirs}", run)
            for mine, theirs in ("ab", "ba")
        )
        first.peer, second.peer = second, first
        devices += [first, second]
    return devices


def idle(count: int) -> list[Device]:
    """Devices that say nothing."""
    run = Run(0, "", 0.0)
    return [Device(f"idle-{number}", "nobody", run) for number in range(count)]
