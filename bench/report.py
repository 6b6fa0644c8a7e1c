"""How results are told: a JSON file for programs, tables for people."""

from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.bars import Bar, Result, bars
from bench.circumstances import disturbances, machine, now
from bench.cost import OTHERS_CORES_MAX
from bench.ledger import Stage
from bench.scenarios.capacity import CapacityResult, is_sustained
from bench.scenarios.idle import IdleResult
from bench.scenarios.latency import LatencyResult
from bench.scenarios.overload import OverloadResult, goodput, refused
from bench.scenarios.reconnect import ReconnectResult
from bench.scenarios.restart import RestartResult, Start
from bench.scenarios.storm import StormResult
from bench.scenarios.traffic import READ_AFTER_SECONDS, Traffic

_STAGES = tuple(stage.name.lower() for stage in Stage if stage.name)


class Report(Struct, frozen=True, kw_only=True):
    """Everything that was measured, where, and how it stands to the bars."""

    measured_at: str
    machine: str
    gateways: int
    workers: str
    results: list[Result]
    bars: list[Bar]
    disturbances: list[str]

    @property
    def all_met(self) -> bool:
        """Whether every bar was met."""
        return all(bar.met for bar in self.bars)


def report(gateways: int, workers: str, results: list[Result]) -> Report:
    """A report of results."""
    return Report(
        measured_at=now(),
        machine=machine(),
        gateways=gateways,
        workers=workers,
        results=results,
        bars=[bar for result in results for bar in bars(result)],
        disturbances=[line for result in results for line in _disturbances(result)],
    )


def write(told: Report, file: Path) -> None:
    """Write the report as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")


def show(told: Report, console: Console) -> None:
    """Print the report."""
    console.print(f"\n{told.machine}; {told.gateways} gateway(s), workers {told.workers}")
    for result in told.results:
        match result:
            case LatencyResult():
                _show_traffic(console, [result.traffic])
            case CapacityResult():
                _show_traffic(console, result.steps)
            case IdleResult():
                _show_idle(console, result)
            case RestartResult():
                _show_restart(console, result)
            case ReconnectResult():
                _show_reconnect(console, result)
            case StormResult():
                _show_traffic(console, [result.calm, result.stormy, result.after])
                console.print(
                    f"storm: {result.storm.begun:,} handshakes in {result.storm.seconds:.0f} s: "
                    f"{_named(_floats(result.storm.outcomes))}"
                )
            case OverloadResult():
                _show_overload(console, result)
    for line in told.disturbances:
        console.print(f"[yellow]disturbed[/]: {line}")
    table = Table("bar", "wanted", "measured", "", box=None)
    for bar in told.bars:
        said = "[green]met[/]" if bar.met else "[red]missed[/]"
        table.add_row(bar.what, bar.wanted, bar.measured, said)
    console.print(table)


def _show_traffic(console: Console, steps: Iterable[Traffic]) -> None:
    latencies = Table("rate", "stage", "p50 ms", "p90 ms", "p99 ms", "max ms", box=None)
    costs = Table("rate", "CPU us a message", "whole", "behind at end", "caught up", box=None)
    for step in steps:
        rate = f"{step.offered_per_second:.0f}/s"
        for stage in _STAGES:
            found = step.loaded.latencies[stage]
            latencies.add_row(
                rate, stage, *(f"{found[name]:.1f}" for name in ("p50_ms", "p90_ms", "p99_ms")),
                f"{found['max_ms']:.0f}",
            )  # fmt: skip
            rate = ""
        caught_up = step.caught_up_after_seconds
        costs.add_row(
            f"{step.offered_per_second:.0f}/s",
            _named(step.cpu_microseconds_a_message),
            _wholeness(step),
            _named({name: float(lag) for name, lag in step.lag_at_end.items()}),
            "not in time" if caught_up is None else f"{caught_up:.1f} s",
        )
    console.print(latencies)
    console.print(
        f"(latencies from the due time; read is sent {READ_AFTER_SECONDS * 1000:.0f} ms late)"
    )
    console.print(costs)


def _wholeness(step: Traffic) -> str:
    loaded = step.loaded
    if loaded.is_whole:
        return "all" if is_sustained(step) else "all, but slow or behind"
    counts = {**loaded.missing, "doubled": loaded.doubled, "reordered": loaded.reordered}
    counts |= {"gaps": loaded.gaps, **loaded.problems}
    return _named({name: float(count) for name, count in counts.items() if count})


def _show_idle(console: Console, result: IdleResult) -> None:
    console.print(
        f"{result.sockets:,} idle sockets in {result.connected_seconds:.1f} s: gateway "
        f"{result.baseline_mib:.1f} -> {result.connected_mib:.1f} -> {result.held_mib:.1f} MiB, "
        f"{result.kib_a_socket:.1f} KiB each; CPU us a socket and second: "
        f"{_named(result.cpu_microseconds_a_socket_and_second)}"
    )


def _show_restart(console: Console, result: RestartResult) -> None:
    table = Table(
        f"restart on {result.facts:,} facts", "first decision", "all partitions", "CPU", "memory",
        box=None,
    )  # fmt: skip
    starts: dict[str, Start] = {
        "without snapshots": result.without_snapshots,
        "with snapshots": result.with_snapshots,
        "after SIGKILL": result.after_kill,
    }
    for name, start in starts.items():
        table.add_row(
            name,
            f"{start.first_decision_seconds:.1f} s",
            f"{start.last_partition_seconds:.1f} s",
            f"{start.cpu_seconds:.1f} s",
            f"{start.resident_mib:.0f} MiB",
        )
    console.print(table)


def _show_reconnect(console: Console, result: ReconnectResult) -> None:
    back = result.back
    console.print(
        f"{back.devices:,} devices cut at once: back and caught up after p50 "
        f"{back.live['p50_ms'] / 1000:.1f} s, the last after {back.live['max_ms'] / 1000:.1f} s; "
        f"{back.messages:,} messages sent on the way, all settled after "
        f"{back.settled_after_seconds:.1f} s; handshakes: {_named(_floats(back.handshakes))}"
    )
    if result.broken:
        told = {**back.missing, **back.problems, "doubled": back.doubled, "gaps": back.gaps}
        console.print(_named(_floats({**told, "reordered": back.reordered})))


def _show_overload(console: Console, result: OverloadResult) -> None:
    table = Table(
        "offered", "delivered", "told to wait", "accepted p50 / p99 ms", "delivered p50 / p99 ms",
        "CPU us a message sent", box=None,
    )  # fmt: skip
    for step in (result.calm, *result.steps, result.recovered):
        latencies = step.loaded.latencies
        table.add_row(
            f"{step.offered_per_second:,.0f}/s",
            f"{goodput(step):,.0f}/s",
            f"{refused(step):,}",
            *(
                f"{latencies[stage]['p50_ms']:.0f} / {latencies[stage]['p99_ms']:.0f}"
                for stage in ("accepted", "delivered")
            ),
            f"{step.cpu_microseconds_a_message['total']:.0f}",
        )
    console.print(table)


def _floats(counts: dict[str, int]) -> dict[str, float]:
    return {name: float(count) for name, count in counts.items() if count}


def _disturbances(result: Result) -> list[str]:
    if isinstance(result, IdleResult | RestartResult):
        return []
    return [
        *disturbances(result.jitter_before, result.jitter_after),
        *(
            f"at {step.offered_per_second:.0f}/s other programs used "
            f"{step.others_cores:.2f} of the cores"
            for step in _steps(result)
            if step.others_cores > OTHERS_CORES_MAX
        ),
    ]


def _steps(result: Result) -> list[Traffic]:
    """The stretches of load of a result."""
    match result:
        case LatencyResult():
            return [result.traffic]
        case CapacityResult():
            return result.steps
        case OverloadResult():
            return [result.calm, *result.steps, result.recovered]
        case StormResult():
            return [result.calm, result.stormy, result.after]
        case _:
            return []


def _named(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())
