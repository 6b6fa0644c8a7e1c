"""Clocks that are wrong: of gateways and workers, by libfaketime, which reads a file as it goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from chaos.faults.base import fault
from chaos.lab import FRONTS, GATEWAYS, Lab

_LIBRARIES = ("usr/lib/*/faketime", "usr/lib*/faketime", "usr/local/lib/faketime")
_OFFSET_FILE_NAME = "clock.offset"


def library() -> Path | None:
    """Where libfaketime is, if it is installed."""
    for folder in _LIBRARIES:
        for found in sorted(Path("/").glob(f"{folder}/libfaketimeMT.so.1")):
            return found
    return None


def _missing() -> str:
    return "" if library() else "libfaketime is not installed (apt-get install libfaketime)"


async def _under_a_false_clock(lab: Lab, name: str, offset: str) -> AsyncIterator[None]:
    """Run a service with a clock of its own, which goes wrong by an offset in seconds."""
    honest = lab.service(name)
    file = lab.stack.folder / name / _OFFSET_FILE_NAME
    file.write_text("+0")
    false = replace(
        honest,
        environment={
            **honest.environment,
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "0",
        },
    )
    await lab.change(false)
    lab.say(f"the clock of {name} goes {offset} s")
    file.write_text(offset)
    yield
    file.write_text("+0")
    await lab.change(honest)


@fault("F50", hold_seconds=8.0, weight_seconds=30.0, missing=_missing)
async def gateway_clock_jumps(lab: Lab) -> AsyncIterator[None]:
    """The clock of a gateway jumps an hour, forwards or back, while people are connected."""
    name, offset = lab.random.choice(GATEWAYS), lab.random.choice(("+3600", "-3600"))
    async for _ in _under_a_false_clock(lab, name, offset):
        yield


@fault("F51", hold_seconds=8.0, weight_seconds=30.0, missing=_missing)
async def worker_clock_behind(lab: Lab) -> AsyncIterator[None]:
    """A worker's clock is two hours behind; what it writes to topics that forget soon stays."""
    name = lab.random.choice(FRONTS)
    async for _ in _under_a_false_clock(lab, name, "-7200"):
        yield


@fault("F52", hold_seconds=8.0, weight_seconds=30.0, missing=_missing)
async def tokens_are_not_yet_valid(lab: Lab) -> AsyncIterator[None]:
    """A gateway's clock goes back to before everyone's tokens are valid; the other serves them."""
    name = lab.random.choice(GATEWAYS)
    async for _ in _under_a_false_clock(lab, name, "-86400"):
        lab.proxies[name].reset()
        yield
