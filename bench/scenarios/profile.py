"""Where each process spends its microseconds while messages pass: stacks of every hot process.

Stretches of the same load: one is measured and nobody looks, so that the figures are true; in each
of the others a profiler looks at one process, so that its shares are known. Shares of one times
figures of the other say what each area costs a message.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from bench.commands import Connected, ConnectPairs
from bench.jitter import lost_share
from bench.profile import threads
from bench.profile.areas import RULES, Kind, shares
from bench.profile.flame import flame
from bench.profile.java import JavaProfile, library
from bench.profile.python import PythonProfile, weighed
from bench.profile.stacks import Stacks, collapsed, pruned, scaled
from bench.scenarios.traffic import Stretch, Traffic, drive
from bench.world import World
from infra.lag import LagReader

SHARES_MIN = (0.002, 0.003, 0.005, 0.01)
"""Smaller frames are not shown; the first of these with which a picture is small enough."""

BYTES_MAX = 250_000
"""Of a picture."""

_CONNECT_SECONDS = 90.0
_LEAD_SECONDS = 2.0

_JAVA = ("kafka", "cassandra")
_NO_LOOK = {
    "redis": "one thread of C; its cost is one line in the table",
    "registry": "is asked nothing while messages pass",
    "load": "is not part of the system",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much load, how long it is looked at, and where the pictures go."""

    folder: Path
    pairs: int = 100
    rate: float = 500.0
    warm_up_seconds: float = 45.0
    seconds: float = 30.0


class Profiled(Struct, frozen=True, kw_only=True):
    """One process: what it costs a message, and what part of that each area has."""

    microseconds_a_message: float
    areas: dict[str, float]
    picture: str


class ProfileResult(Struct, frozen=True, kw_only=True, tag_field="scenario", tag="profile"):
    """What was found."""

    pairs: int
    traffic: Traffic
    """Of the stretch in which nobody looked."""
    processes: dict[str, Profiled]
    not_looked_at: dict[str, str]
    """What was left out, and why."""
    jitter_before: float
    jitter_after: float


def measure(world: World, options: Options, tell: Callable[[str], None]) -> ProfileResult:
    """Measure, then look, on a world that has gateways and workers."""
    library()  # Fetched before anything is measured.
    options.folder.mkdir(parents=True, exist_ok=True)
    lags = LagReader(world.kafka())
    before = lost_share()
    pids = {name: pid for name, pid in world.pids().items() if name not in _NO_LOOK}
    with world.driver() as driver:
        driver.tell(ConnectPairs(options.pairs))
        driver.wait(Connected, _CONNECT_SECONDS)

        def load(lead_seconds: float, seconds: float) -> Traffic:
            stretch = Stretch(rate=options.rate, warm_up_seconds=lead_seconds, seconds=seconds)
            return drive(world, driver, lags, stretch)

        tell("warming up …")
        load(0.0, options.warm_up_seconds)
        tell("measuring while nobody looks …")
        begin = {name: threads.clocks(pid) for name, pid in pids.items()}
        traffic = load(0.0, options.seconds)
        clocks = {name: threads.spent(begin[name], threads.clocks(pids[name])) for name in pids}
        looked = {}
        for name, pid in pids.items():
            tell(f"looking at {name} …")
            with ThreadPoolExecutor() as pool:
                under_load = pool.submit(load, _LEAD_SECONDS, options.seconds)
                looked[name] = _look(name, pid, options)
                under_load.result()
        driver.finish()
    processes = {}
    for name, sampled in looked.items():
        kind = Kind.of(name)
        cost = traffic.cpu_microseconds_a_message[name]
        found = sampled if name in _JAVA else weighed(sampled, clocks[name])
        processes[name] = _picture(options.folder, name, kind, scaled(found, cost))
    return ProfileResult(
        pairs=options.pairs,
        traffic=traffic,
        processes=processes,
        not_looked_at=_NO_LOOK,
        jitter_before=before,
        jitter_after=lost_share(),
    )


def _look(name: str, pid: int, options: Options) -> Stacks:
    """The stacks of one process; one at a time, since looking costs the machine something too."""
    raw = options.folder / f"{name}.raw"
    if name in _JAVA:
        java = JavaProfile(pid, raw)
        time.sleep(options.seconds)
        found = java.stacks()
    else:
        found = PythonProfile(pid, options.seconds, raw).stacks()
    raw.unlink()
    return found


def _picture(folder: Path, name: str, kind: Kind, weighed: Stacks) -> Profiled:
    """Write the stacks and the flame graph; weights in nanoseconds a message, to keep digits."""
    cost = sum(weighed.values())
    nanoseconds = {stack: weight * 1000 for stack, weight in weighed.items()}
    title = f"{name}: {cost:.0f} us of CPU a message"
    for share_min in SHARES_MIN:
        small = pruned(nanoseconds, share_min)
        drawn = flame(title, small, "ns a message")
        if len(drawn) <= BYTES_MAX:
            break
    (folder / f"{name}.collapsed").write_text(collapsed(small))
    picture = folder / f"{name}.svg"
    picture.write_text(drawn)
    return Profiled(
        microseconds_a_message=round(cost, 1),
        areas=shares(weighed, RULES[kind]),
        picture=picture.name,
    )
