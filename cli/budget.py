"""`chatlog bench profile`: where the microseconds of a message go.

Each command measures on a stack of its own and writes a record into a folder; from those in
docs/performance the tables of docs/performance.md are made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from bench import record
from bench.scenarios import profile
from bench.world import Shape, world
from cli.progress import progress

Folder = Annotated[Path, Parameter(help="Where the record is written.")]
WarmUp = Annotated[float, Parameter(help="Seconds of load before anything is measured.")]


def profiles(
    *,
    pairs: int = 100,
    rate: Annotated[float, Parameter(help="Messages a second.")] = 500.0,
    warm_up_seconds: WarmUp = 90.0,
    seconds: Annotated[float, Parameter(help="How long each process is looked at.")] = 30.0,
    folder: Folder = record.FOLDER,
) -> int:
    """A flame graph of each hot process under load, and a table of what each area costs."""
    options = profile.Options(
        folder=folder, pairs=pairs, rate=rate, warm_up_seconds=warm_up_seconds, seconds=seconds
    )
    with world(Shape(), progress) as fresh:
        result = profile.measure(fresh, options, tell)
    console = Console(highlight=False)
    for name, found in result.processes.items():
        console.print(f"{name}: {found.microseconds_a_message:.0f} us a message, {found.picture}")
        for area, share in found.areas.items():
            console.print(f"  {share * found.microseconds_a_message:7.1f} us  {area}")
    for name, reason in result.not_looked_at.items():
        console.print(f"{name} was not looked at: {reason}")
    command = f"chatlog bench profile --rate {rate:g} --seconds {seconds:g}"
    keep(record.record(command, result), folder / "profile.json")
    return 0


def keep(made: record.Record, file: Path) -> None:
    """Write a record, and say what should be known of it."""
    record.write(made, file)
    for line in made.disturbances:
        tell(f"disturbed: {line}")
    tell(f"Record: {file}")


def tell(line: str) -> None:
    """Say how far it is."""
    print(line, flush=True)
