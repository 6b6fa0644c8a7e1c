"""One turn of one system: started, loaded, looked at, ended.

In: a system, and how long each load is. Out: a `Turn`. Everything else is stopped meanwhile. Idle
sockets come first, when nothing has grown yet; then a steady rate, for which XMPP servers are asked
for acks; then closed loops and the group, for which they are not.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.commands import (
    Command,
    Connected,
    ConnectGroup,
    ConnectIdle,
    ConnectPairs,
    Flow,
    Load,
    Loaded,
    Measuring,
    Sent,
)
from bench.cost import family_bytes, family_cpu_seconds, mark, spent
from bench.driver import Driver
from bench.jitter import DISTURBED_SHARE, lost_share
from bench.peers.results import Phase, Sockets, Turn
from bench.peers.system import Running, System, Workload
from bench.scenarios.traffic import BODY_BYTES, READ_AFTER_SECONDS
from infra.errors import UserError
from infra.stack.part import OnProgress

_CONNECT_SECONDS_MAX = 240.0
_MARGIN_SECONDS = 30.0
_GROUP_IN_FLIGHT = 2
_FIRST_SOCKETS = 20
_QUIET_PAUSE_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long and how much."""

    steady_seconds: float = 20.0
    flow_warm_up_seconds: float = 2.0
    flow_seconds: float = 5.0
    settle_seconds_max: float = 15.0
    held_seconds: float = 2.0
    quiet_attempts_max: int = 10
    """How often the machine is looked at before a turn, until it is ours."""
    share: float = 1.0
    """Of the pairs, idle sockets, members and warm-up of each workload."""

    def reduced(self, workload: Workload) -> Workload:
        """The workload at this effort."""
        if self.share == 1.0:
            return workload
        return Workload(
            pairs=max(2, round(workload.pairs * self.share)),
            rate=max(10.0, workload.rate * self.share),
            warm_up_seconds=workload.warm_up_seconds * self.share,
            in_flights=workload.in_flights,
            idle_sockets=round(workload.idle_sockets * self.share),
            group_members=round(workload.group_members * self.share),
        )


FULL = Effort()
QUICK = Effort(
    steady_seconds=3.0, flow_warm_up_seconds=0.5, flow_seconds=1.0, held_seconds=0.5, share=0.1
)


@dataclass
class _Findings:
    """What a turn has found so far."""

    start_seconds: float = 0.0
    sockets: Sockets | None = None
    steady: Phase | None = None
    flows: dict[str, Phase] = field(default_factory=dict)
    group: Phase | None = None
    group_members: int = 0


def take(
    system: System, number: int, attempt: int, effort: Effort, folder: Path, report: OnProgress
) -> Turn:
    """Take a turn; a system that fails is said to have."""
    before = _quiet(effort.quiet_attempts_max)
    began = time.monotonic()
    found = _Findings()
    failed = ""
    try:
        with system.start(folder, report) as running:
            found.start_seconds = round(time.monotonic() - began, 1)
            _measure(running, effort.reduced(system.workload), effort, found)
    except UserError as error:
        failed = error.sentence
    seconds = round(time.monotonic() - began, 1)
    return Turn(
        system=system.name,
        round=number,
        attempt=attempt,
        jitter_before=before,
        jitter_after=lost_share(),
        seconds=seconds,
        failed=failed,
        start_seconds=found.start_seconds,
        sockets=found.sockets,
        steady=found.steady,
        flows=found.flows,
        group=found.group,
        group_members=found.group_members,
    )


def _quiet(attempts_max: int) -> float:
    """Wait, not for ever, until the machine is ours; what a sleeper lost at last."""
    lost = lost_share()
    for _ in range(attempts_max - 1):
        if lost <= DISTURBED_SHARE:
            break
        time.sleep(_QUIET_PAUSE_SECONDS)
        lost = lost_share()
    return lost


def _measure(running: Running, workload: Workload, effort: Effort, found: _Findings) -> None:
    if workload.idle_sockets:
        found.sockets = _sockets(running, workload.idle_sockets, effort.held_seconds)
    with running.driver(True) as driver:
        _connect(driver, ConnectPairs(workload.pairs))
        steady = Load(
            rate=workload.rate,
            warm_up_seconds=workload.warm_up_seconds,
            seconds=effort.steady_seconds,
            body_bytes=BODY_BYTES,
            read_after_seconds=READ_AFTER_SECONDS,
            settle_seconds_max=effort.settle_seconds_max,
        )
        found.steady = _phase(running, driver, steady)
        driver.finish()
    with running.driver(False) as driver:
        _connect(driver, ConnectPairs(workload.pairs))
        for in_flight in workload.in_flights:
            found.flows[str(in_flight)] = _phase(running, driver, _flow(effort, in_flight))
        driver.finish()
    if workload.group_members:
        with running.driver(False) as driver:
            _connect(driver, ConnectGroup(workload.group_members))
            found.group_members = workload.group_members
            found.group = _phase(running, driver, _flow(effort, _GROUP_IN_FLIGHT, in_group=True))
            driver.finish()


def _flow(effort: Effort, in_flight: int, *, in_group: bool = False) -> Flow:
    return Flow(
        in_flight=in_flight,
        warm_up_seconds=effort.flow_warm_up_seconds,
        seconds=effort.flow_seconds,
        body_bytes=BODY_BYTES,
        read_after_seconds=READ_AFTER_SECONDS,
        settle_seconds_max=effort.settle_seconds_max,
        in_group=in_group,
    )


def _sockets(running: Running, count: int, held_seconds: float) -> Sockets:
    """Memory of those that hold the sockets: after the first few, and after so many more."""
    with running.driver(False) as driver:
        _connect(driver, ConnectPairs(_FIRST_SOCKETS // 2))
        time.sleep(held_seconds)
        first = _bytes(running.holders)
        connected = _connect(driver, ConnectIdle(count))
        time.sleep(held_seconds)
        each = (_bytes(running.holders) - first) / count / 1024
        ended = driver.finish().ended
    if ended:
        raise UserError(
            "peer_closed_sockets",
            f"Idle sockets were closed by the server: {ended}.",
            "Read its log in the folder of the comparison.",
        )
    return Sockets(count=count, connected_seconds=connected.seconds, kib_each=round(each, 1))


def _phase(running: Running, driver: Driver, load: Load | Flow) -> Phase:
    """One load, with what it cost."""
    groups = {"server": running.servers, "database": running.databases}
    pids = {f"{group}/{name}": pid for group, of in groups.items() for name, pid in of.items()}
    pids["client/load"] = driver.pid
    archived = running.archived() if running.archived else 0
    driver.tell(load)
    driver.wait(Measuring, load.warm_up_seconds + _MARGIN_SECONDS)
    begin = mark(pids, family_cpu_seconds)
    sent = driver.wait(Sent, load.seconds + _MARGIN_SECONDS)
    cost = spent(begin, mark(pids, family_cpu_seconds))
    loaded = driver.wait(Loaded, load.settle_seconds_max + _MARGIN_SECONDS)
    copies = running.archived() - archived if running.archived else 0
    messages = max(sent.measured_messages, 1)
    grouped: dict[str, float] = dict.fromkeys((*groups, "client"), 0.0)
    for name, seconds in cost.cpu_seconds.items():
        grouped[name.partition("/")[0]] += seconds * 1e6 / messages
    return Phase(
        per_second=round(sent.measured_messages / cost.seconds, 1),
        loaded=loaded,
        microseconds_a_message={name: round(each, 1) for name, each in grouped.items()},
        others_cores=cost.others_cores,
        copies_a_message=round(copies / max(loaded.messages, 1), 3) if running.archived else None,
    )


def _connect(driver: Driver, command: Command) -> Connected:
    driver.tell(command)
    return driver.wait(Connected, _CONNECT_SECONDS_MAX)


def _bytes(pids: Mapping[str, int]) -> int:
    return sum(map(family_bytes, pids.values()))
