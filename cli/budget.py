"""`chatlog bench profile | edge | scale | gate`: what a message costs, and that it stays so.

Each command measures on a stack of its own. Records are written into a folder; from those in
docs/performance the tables of docs/performance.md are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from bench import record
from bench.bars import bars
from bench.gate import Baseline, Outcome, Round, verdict
from bench.scenarios import edge, gate, latency, opens, profile
from bench.scenarios.scale import Axis
from bench.scenarios.scale import measure as measure_line
from bench.world import Shape, world
from cli import terminal
from cli.performance import BASELINE
from cli.progress import progress
from infra import arguments
from infra.arguments import Count, File, Patience, Rate, Seconds
from infra.errors import UserError
from infra.exits import Exit

_EXIT_OF = {
    Outcome.PASSED: Exit.DONE,
    Outcome.FAILED: Exit.FAILED,
    Outcome.DISTURBED: Exit.DISTURBED,
}

Folder = Annotated[arguments.Folder, Parameter(help="Where the record is written.")]


def _is_numbers(kind: Any, text: str) -> None:
    numbers(text)


Values = Annotated[
    str, Parameter(validator=_is_numbers, help="Whole numbers, with commas between them.")
]
WarmUp = Annotated[Patience, Parameter(help="Seconds of load before anything is measured.")]


def profiles(
    *,
    pairs: Count = 100,
    rate: Annotated[Rate, Parameter(help="Messages a second.")] = 500.0,
    warm_up_seconds: WarmUp = 90.0,
    seconds: Annotated[Seconds, Parameter(help="How long each process is looked at.")] = 30.0,
    folder: Folder = record.FOLDER,
) -> int:
    """A flame graph of each hot process under load, and a table of the cost of each area."""
    options = profile.Options(
        folder=folder, pairs=pairs, rate=rate, warm_up_seconds=warm_up_seconds, seconds=seconds
    )
    with world(Shape(), progress) as fresh:
        result = profile.measure(fresh, options, tell)
    console = terminal.console()
    for name, found in result.processes.items():
        console.print(f"{name}: {found.microseconds_a_message:.0f} us a message, {found.picture}")
        for area, share in found.areas.items():
            console.print(f"  {share * found.microseconds_a_message:7.1f} us  {area}")
    for name, reason in result.not_looked_at.items():
        console.print(f"{name} was not looked at: {reason}")
    command = f"chatlog bench profile {_spoken(rate, warm_up_seconds, seconds)}"
    keep(record.record(command, result), folder / "profile.json")
    return 0


def edge_alone(
    *,
    sockets: Annotated[Count, Parameter(help="Sockets that send without pause.")] = 200,
    idle_sockets: Annotated[Count, Parameter(help="Sockets that are held.")] = 10_000,
    idle_seconds: Seconds = 70.0,
    warm_up_seconds: WarmUp = 10.0,
    seconds: Annotated[Seconds, Parameter(help="For each kind of frame.")] = 10.0,
    folder: Folder = record.FOLDER,
) -> int:
    """One gateway and Kafka, no workers: CPU per inbound frame, memory per idle socket."""
    options = edge.Options(
        sockets=sockets,
        idle_sockets=idle_sockets,
        idle_seconds=idle_seconds,
        warm_up_seconds=warm_up_seconds,
        seconds=seconds,
    )
    with world(Shape(workers=None), progress) as fresh:
        result = edge.measure(fresh, options, tell)
    command = f"chatlog bench edge --sockets {sockets} --idle-sockets {idle_sockets}"
    keep(record.record(command, result), folder / "edge.json")
    said = list(bars(result))
    for bar in said:
        tell(f"{'met' if bar.met else 'missed'}: {bar.what}: {bar.measured}, wanted {bar.wanted}")
    return 0 if all(bar.met for bar in said) else 1


def measure_opens(
    *,
    conversations: Values = "10,1000,10000",
    times: Annotated[Count, Parameter(help="How often each thing is done.")] = 100,
    folder: Folder = record.FOLDER,
) -> int:
    """Cost of opening a session and reading the inbox, by number of conversations of the user."""
    options = opens.Options(conversations=numbers(conversations), times=times)
    with world(Shape(), progress) as fresh:
        result = opens.measure(fresh, options, tell)
    command = f"chatlog bench opens --conversations {conversations} --times {times}"
    keep(record.record(command, result), folder / "opens.json")
    for user in result.users:
        times_ms = ", ".join(
            f"{name} {cost.latency['p50_ms']:.1f} ms"
            for name, cost in (
                ("new device", user.new_device),
                ("returning", user.returning_device),
                ("inbox", user.inbox),
            )
        )
        tell(f"{user.conversations:,}: {times_ms}")
    return 0


def scale(
    *,
    partitions: Values = "",
    workers: Values = "",
    sockets: Values = "",
    stored: Values = "",
    rate: Annotated[Rate, Parameter(help="Messages a second.")] = 500.0,
    warm_up_seconds: WarmUp = 60.0,
    seconds: Annotated[Seconds, Parameter(help="Of measured load at each point.")] = 20.0,
    folder: Folder = record.FOLDER,
) -> int:
    """CPU per message as one thing grows, a line each: --workers 1,2,3 --sockets 2,100,1000."""
    options = latency.Options(rate=rate, warm_up_seconds=warm_up_seconds, seconds=seconds)
    lines = {
        Axis.PARTITIONS: numbers(partitions),
        Axis.WORKERS: numbers(workers),
        Axis.SOCKETS: numbers(sockets),
        Axis.STORED: numbers(stored),
    }
    if not any(lines.values()):
        raise UserError(
            "nothing_to_scale",
            "Nothing was said to grow.",
            "For example: --sockets 2,100,1000",
            exit_status=Exit.USAGE,
        )
    for axis, values in lines.items():
        if not values:
            continue
        spoken = _spoken(rate, warm_up_seconds, seconds)
        for result in measure_line(axis, values, options, progress, tell):
            measured = ",".join(str(point.at) for point in result.points)
            command = f"chatlog bench scale --{axis} {measured} {spoken}"
            keep(record.record(command, result), folder / f"scale-{axis}.json")
            point = result.points[-1]
            costs = point.traffic.cpu_microseconds_a_message.items()
            tell(f"{axis} {point.at:,}: " + ", ".join(f"{name} {cost:.0f}" for name, cost in costs))
    return 0


def numbers(text: str) -> tuple[int, ...]:
    """The whole numbers in `1,4,16`, each at least 1. Raises ValueError."""
    words = [word.strip() for word in text.replace("_", "").split(",") if word.strip()]
    if not all(word.isdecimal() and 0 < len(word) < 10 and int(word) for word in words):
        raise ValueError("Whole numbers are written so: 1,4,16.")
    return tuple(map(int, words))


def compare(
    *,
    write: Annotated[bool, Parameter(help="Write a new baseline.")] = False,
    baseline: Annotated[File, Parameter(help="The baseline's file.")] = BASELINE,
    rounds: Count = 3,
    rate: Annotated[Rate, Parameter(help="Messages a second.")] = 500.0,
    warm_up_seconds: WarmUp = 60.0,
    seconds: Annotated[Seconds, Parameter(help="Of load in each round.")] = 15.0,
    even_if_disturbed: Annotated[bool, Parameter(help="Judge rounds that prove nothing.")] = False,
) -> int:
    """Fail when a message costs a process 10 % more CPU than in the baseline."""
    options = gate.Options(
        rounds=rounds,
        rate=rate,
        warm_up_seconds=warm_up_seconds,
        seconds=seconds,
        even_if_disturbed=even_if_disturbed,
    )
    before = None if write else _baseline(baseline)

    def judge(made: Sequence[Round]) -> Outcome:
        clean = [one for one in made if not one.disturbance]
        if before is None:
            return Outcome.PASSED if len(clean) >= rounds else Outcome.DISTURBED
        return verdict(before, made, rounds).outcome

    with world(Shape(), progress) as fresh:
        made = gate.measure(fresh, options, judge, tell)
    if before is not None:
        found = verdict(before, made, rounds)
        for sentence in found.sentences:
            tell(sentence)
        tell(f"{found.outcome}: against the baseline of {before.measured_at}, {before.machine}.")
        return _EXIT_OF[found.outcome]
    if judge(made) is not Outcome.PASSED:
        tell("disturbed: too few rounds say anything, the baseline was not written.")
        return _EXIT_OF[Outcome.DISTURBED]
    spoken = _spoken(rate, warm_up_seconds, seconds)
    command = f"chatlog bench gate --write --rounds {rounds} {spoken}"
    fresh_baseline = gate.baseline_of(made, options, command)
    baseline.write_bytes(msgspec.json.format(msgspec.json.encode(fresh_baseline), indent=2) + b"\n")
    tell(f"Baseline: {baseline}")
    return 0


def _spoken(rate: float, warm_up_seconds: float, seconds: float) -> str:
    """How the load was asked for."""
    return f"--rate {rate:g} --warm-up-seconds {warm_up_seconds:g} --seconds {seconds:g}"


def _baseline(file: Path) -> Baseline:
    if not file.exists():
        raise UserError(
            "no_baseline",
            f"There is no baseline in {file}.",
            "Write one on a quiet machine: `chatlog bench gate --write`.",
        )
    try:
        return msgspec.json.decode(file.read_bytes(), type=Baseline)
    except msgspec.DecodeError as error:
        raise UserError(
            "bad_baseline",
            f"{file} is not a baseline: {error}.",
            "Write a new one on a quiet machine: `chatlog bench gate --write`.",
        ) from error


def keep(made: record.Record, file: Path) -> None:
    """Write a record, and say what should be known of it."""
    record.write(made, file)
    for line in made.disturbances:
        tell(f"disturbed: {line}")
    tell(f"Record: {file}")


def tell(line: str) -> None:
    """Say how far it is."""
    print(line, flush=True)
