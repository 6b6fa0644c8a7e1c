"""`chatlog chaos …`: faults on a stack of its own under load, and the check of the recorded."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import App, Parameter

from chaos import plan, report, run
from chaos.faults import catalogue
from chaos.lab import Shape
from cli import table, terminal
from cli.progress import progress
from infra import arguments
from infra.arguments import Minutes, Offset
from infra.checkout import CHECKOUT
from infra.errors import UserError
from infra.exits import Exit
from infra.stack.stack import Stack

FOLDER = CHECKOUT / ".chatlog" / "chaos"

app = App(name="chaos", help="Break the real stack under load, and check what was recorded.")

Brokers = Annotated[Literal[1, 3], Parameter(help="How many Kafka brokers.")]
Folder = Annotated[arguments.Folder, Parameter(help="Where the run keeps its data and its report.")]


@app.default
@app.command(name="run")
def play(
    *faults: str,
    brokers: Brokers = 1,
    seed: Annotated[Offset | None, Parameter(help="What the plan is drawn from.")] = None,
    minutes: Annotated[Minutes, Parameter(help="About how long a mix takes.")] = 8.0,
    everything: Annotated[bool, Parameter(negative="", help="Every fault once.")] = False,
    folder: Folder = FOLDER,
) -> int:
    """Inject these faults, or a mix of many; exit status 0 when every promise and target held."""
    chosen = _plan(faults, brokers, seed, minutes, everything)
    print(f"seed {chosen.seed}: {len(chosen.steps)} steps", flush=True)
    for name, why in chosen.left_out.items():
        print(f"left out: {name}, since {why}", flush=True)
    shape = Shape(brokers=brokers, folder=folder)
    with progress() as shown:
        try:
            told = asyncio.run(_ending_in_order(run.run(shape, chosen, shown, _say)))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        finally:
            Stack(folder / "stack").stop()  # whatever happened, nothing of it runs afterwards
    return _tell(told, folder)


@app.command(name="check")
def check(folder: Folder = FOLDER) -> int:
    """Check the recorded history of a run again, and rewrite its report."""
    try:
        return _tell(run.recheck(folder), folder)
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(
            "no_run",
            f"{folder} holds no whole run: {error}.",
            "Make one with `chatlog chaos`, or name another folder.",
        ) from error


@app.command(name="list")
def listed() -> None:
    """List every fault."""
    rows = [
        (
            one.number,
            one.name,
            " or ".join(map(str, one.brokers)),
            f"{one.sentence} {one.missing()}".strip(),
        )
        for one in catalogue().values()
    ]
    table.show(terminal.console(), ("", "fault", "brokers", "what"), rows)


def _plan(
    names: tuple[str, ...], brokers: int, seed: int | None, minutes: float, everything: bool
) -> plan.Plan:
    faults = catalogue()
    drawn = int(time.time()) if seed is None else seed
    unknown = sorted(set(names) - faults.keys())
    if unknown:
        raise UserError(
            "no_fault",
            f"There is no fault {unknown[0]}.",
            "`chatlog chaos list` names them all.",
            exit_status=Exit.USAGE,
        )
    if everything:
        return plan.every_one(faults, seed=drawn, brokers=brokers)
    if names:
        return plan.of_names(faults, names, seed=drawn, brokers=brokers)
    return plan.mixed(faults, seed=drawn, brokers=brokers, seconds=minutes * 60)


async def _ending_in_order(running: Coroutine[None, None, report.Outcome]) -> report.Outcome:
    """Run it; SIGTERM ends it as Ctrl-C does."""
    task = asyncio.ensure_future(running)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _say(line: str) -> None:
    print(line, flush=True)


def _tell(told: report.Outcome, folder: Path) -> int:
    report.write(told, folder / "report")
    console = terminal.console()
    rows = [
        (
            step.fault,
            f"{step.episode.felt_seconds:.1f}",
            f"{step.episode.felt_after_heal_seconds:.1f}",
            f"{step.episode.late} of {step.episode.sent}",
            step.bar,
            step.verdict,
        )
        for step in told.steps
    ]
    head = ("fault", "felt s", "after heal s", "late", "bar", "")
    table.show(console, head, rows, right={1, 2, 3})
    for anomaly in told.anomalies:
        console.print(f"{anomaly.name}: {anomaly.sentence}", style="red", markup=False)
    verdict = "every promise held" if told.safe else f"{len(told.anomalies)} anomalies"
    console.print(
        f"{told.sent:,} messages, {told.facts:,} facts in {told.seconds:.0f} s: {verdict}; report: "
        f"{folder / 'report' / 'report.md'}",
        markup=False,
    )
    return 0 if told.safe and told.in_time else 1
