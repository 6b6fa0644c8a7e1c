"""`chatlog bench …`: benchmarks on a stack of their own. Without a command: all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from bench import long_log, report
from bench.bars import Result
from bench.scenarios import capacity, idle, latency, overload, reconnect, restart, storm
from bench.scenarios.traffic import Traffic
from bench.world import Shape, Workers, World, world
from cli import peers, terminal
from cli.progress import progress
from infra.arguments import Count, File, Patience, Rate, Seconds
from infra.checkout import CHECKOUT

REPORT = CHECKOUT / ".chatlog" / "bench-report.json"

app = App(name="bench", help="Load through real sockets: throughput, latencies, cost.")
app.command(
    "cli.budget:edge_alone", name="edge", help="One gateway alone: frames in, idle sockets."
)
app.command("cli.budget:scale", name="scale", help="How the cost of a message grows.")
app.command(
    "cli.budget:measure_opens",
    name="opens",
    help="What a session costs users with many conversations.",
)
app.command("cli.budget:compare", name="gate", help="Fail when a message costs more than it did.")
app.command("cli.budget:profiles", name="profile", help="Flame graphs, and what each area costs.")

Gateways = Annotated[Count, Parameter(help="How many gateways.")]
Sharing = Annotated[Workers, Parameter(help="Which worker roles share a process.")]
ReportFile = Annotated[File, Parameter(help="Where the JSON report is written.")]
Pairs = Annotated[Count, Parameter(help="Pairs of people who write to each other.")]
WarmUp = Annotated[Patience, Parameter(help="Seconds of load before anything is measured.")]

_Scenario = Callable[[World], Result]


@app.default
def everything(
    *,
    gateways: Gateways = 1,
    workers: Sharing = Workers.SPLIT,
    report_file: ReportFile = REPORT,
) -> int:
    """Run every benchmark, each on a fresh stack; exit status 0 when every target is met."""
    shape = Shape(gateways=gateways, workers=workers)
    return _run(
        report_file,
        shape,
        (shape, lambda world: latency.measure(world, latency.Options())),
        (shape, lambda world: capacity.measure(world, capacity.Options(), _tell_step)),
        (shape, lambda world: idle.measure(world, idle.Options())),
        (_without_services(shape), _restart(long_log.Plan())),
    )


@app.command(name="latency")
def measure_latency(
    *,
    pairs: Pairs = 100,
    rate: Annotated[Rate, Parameter(help="Messages a second.")] = 500.0,
    warm_up_seconds: WarmUp = 45.0,
    seconds: Seconds = 30.0,
    gateways: Gateways = 1,
    workers: Sharing = Workers.SPLIT,
    report_file: ReportFile = REPORT,
) -> int:
    """Latency of all three ticks at a modest rate."""
    options = latency.Options(
        pairs=pairs, rate=rate, warm_up_seconds=warm_up_seconds, seconds=seconds
    )
    shape = Shape(gateways=gateways, workers=workers)
    return _run(report_file, shape, (shape, lambda world: latency.measure(world, options)))


@app.command(name="capacity")
def measure_capacity(
    *,
    pairs: Pairs = 100,
    rates: Annotated[tuple[Rate, ...], Parameter(help="Rates to try, rising.")] = capacity.RATES,
    warm_up_seconds: WarmUp = 20.0,
    seconds: Seconds = 20.0,
    gateways: Gateways = 1,
    workers: Sharing = Workers.SPLIT,
    report_file: ReportFile = REPORT,
) -> int:
    """The highest rate at which every receipt arrives and nothing falls behind."""
    options = capacity.Options(
        pairs=pairs, rates=rates, warm_up_seconds=warm_up_seconds, seconds=seconds
    )
    shape = Shape(gateways=gateways, workers=workers)
    return _run(
        report_file, shape, (shape, lambda world: capacity.measure(world, options, _tell_step))
    )


@app.command(name="idle")
def measure_idle(
    *,
    sockets: Count = 5_000,
    seconds: Seconds = 70.0,
    gateways: Gateways = 1,
    report_file: ReportFile = REPORT,
) -> int:
    """Memory of idle authenticated sockets in the gateway."""
    options = idle.Options(sockets=sockets, seconds=seconds)
    shape = Shape(gateways=gateways)
    return _run(report_file, shape, (shape, lambda world: idle.measure(world, options)))


@app.command(name="restart")
def measure_restart(
    *,
    messages: Count = 1_000_000,
    conversations: Count = 50_000,
    report_file: ReportFile = REPORT,
) -> int:
    """Time from the start of an admission worker to its first decision, on a long log."""
    plan = long_log.Plan(messages=messages, conversations=conversations)
    shape = _without_services(Shape())
    return _run(report_file, shape, (shape, _restart(plan)))


@app.command(name="reconnect")
def measure_reconnect(*, devices: Count = 2_000, report_file: ReportFile = REPORT) -> int:
    """Cut all sockets at once: time until everybody is back and caught up, nothing missing."""
    options = reconnect.Options(devices=devices)
    shape = Shape()
    return _run(report_file, shape, (shape, lambda world: reconnect.measure(world, options)))


@app.command(name="storm")
def measure_storm(
    *,
    pairs: Pairs = 50,
    rate: Annotated[Rate, Parameter(help="Messages a second of those who are connected.")] = 100.0,
    handshakes_a_second: Rate = 2_000.0,
    seconds: Seconds = 20.0,
    report_file: ReportFile = REPORT,
) -> int:
    """What connected clients notice of a storm of handshakes."""
    options = storm.Options(
        pairs=pairs, rate=rate, handshakes_a_second=handshakes_a_second, seconds=seconds
    )
    shape = Shape()
    return _run(report_file, shape, (shape, lambda world: storm.measure(world, options)))


@app.command(name="overload")
def measure_overload(
    *,
    pairs: Pairs = 100,
    rates: Annotated[tuple[Rate, ...], Parameter(help="Rates to offer, rising.")] = (
        overload.Options().rates
    ),
    seconds: Seconds = 20.0,
    report_file: ReportFile = REPORT,
) -> int:
    """Load beyond capacity: what is still delivered, how long it takes, and whether it recovers."""
    options = overload.Options(pairs=pairs, rates=rates, seconds=seconds)
    shape = Shape()
    return _run(
        report_file, shape, (shape, lambda world: overload.measure(world, options, _tell_goodput))
    )


@app.command(name="peers")
def compare_with_peers(
    *,
    only: Annotated[str, Parameter(help="Systems to compare, with commas between.")] = "",
    rounds: Annotated[Count, Parameter(help="How often each system has its turn.")] = 3,
    quick: Annotated[bool, Parameter(help="A tenth of everything, one round.")] = False,
    attempts: Annotated[Count, Parameter(help="Attempts at a turn that is disturbed.")] = 3,
    write: Annotated[bool, Parameter(help="Write docs/peers.md and docs/peers.json.")] = False,
    measure: Annotated[bool, Parameter(help="Measure; else tell the last report.")] = True,
    report_file: ReportFile = peers.REPORT,
) -> int:
    """Compare chatlog with ejabberd, Prosody and Synapse: installed, loaded in turns."""
    return peers.compare(
        only=[name.strip() for name in only.split(",") if name.strip()],
        rounds=1 if quick else rounds,
        quick=quick,
        attempts_max=attempts,
        write=write,
        measure=measure,
        report_file=report_file,
    )


def _run(file: Path, told_shape: Shape, *scenarios: tuple[Shape, _Scenario]) -> int:
    """Run scenarios, each in a world of its own, and tell."""
    console = terminal.console()
    results: list[Result] = []
    for shape, scenario in scenarios:
        with world(shape, progress) as fresh:
            results.append(scenario(fresh))
    told = report.report(told_shape.gateways, told_shape.workers or "none", results)
    report.write(told, file)
    report.show(told, console)
    console.print(f"Report: {file}")
    return 0 if told.all_met else 1


def _restart(plan: long_log.Plan) -> _Scenario:
    return lambda world: restart.measure(world, restart.Options(plan=plan), _tell)


def _without_services(shape: Shape) -> Shape:
    return replace(shape, gateways=0)


def _tell(line: str) -> None:
    print(line, flush=True)


def _tell_step(step: Traffic) -> None:
    said = "sustained" if capacity.is_sustained(step) else "not sustained"
    _tell(f"{step.offered_per_second:.0f}/s: {said}")


def _tell_goodput(step: Traffic) -> None:
    _tell(f"{step.offered_per_second:.0f}/s offered: {overload.goodput(step):.0f}/s delivered")
