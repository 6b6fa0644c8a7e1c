"""`chatlog bench peers`: the comparison with other chat servers, told as it goes."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from bench.peers import report
from bench.peers.comparison import FOLDER, Comparing, Options
from bench.peers.figures import trouble
from bench.peers.results import Comparison, Phase, Turn
from bench.peers.rounds import disturbance
from bench.peers.system import System
from bench.peers.systems import catalogue
from bench.peers.turn import FULL, QUICK
from cli import terminal
from events.text import on_one_line
from infra.errors import UserError
from infra.exits import Exit
from infra.stack.part import PartStatus, State

_WIDTH_MIN = 116
"""Columns of the table: one for each system."""

REPORT = FOLDER / "report.json"


def compare(
    *,
    only: Sequence[str],
    rounds: int,
    quick: bool,
    attempts_max: int,
    write: bool,
    measure: bool,
    report_file: Path,
) -> int:
    """Measure, tell, and write; exit status 0 when no turn failed."""
    console = terminal.console()
    console.width = max(_WIDTH_MIN, console.width)
    if measure:
        systems = _systems(only)
        for system in systems:
            if not system.is_here():
                system.install()
        command = _command(only, rounds, quick)
        effort = QUICK if quick else FULL
        options = Options(
            systems=systems,
            rounds=rounds,
            effort=effort,
            attempts_max=attempts_max,
            command=command,
        )
        _measure(Comparing(options), report_file, console)
    comparison = _read(report_file)
    report.show(comparison, console)
    if write:
        report.write(comparison, report.PAGE_REPORT)
        report.PAGE.write_text(report.page(comparison), "utf-8")
        console.print(f"Page: {report.PAGE}")
    console.print(f"Report: {report_file}")
    return int(any(turn.failed for turn in comparison.turns))


def _systems(only: Sequence[str]) -> list[System]:
    known = catalogue()
    unknown = [name for name in only if name not in known]
    if unknown:
        raise UserError(
            "unknown_system",
            f"{unknown[0]} is no system of the comparison.",
            f"These are: {', '.join(known)}.",
            exit_status=Exit.USAGE,
        )
    return [system for name, system in known.items() if not only or name in only]


def _read(report_file: Path) -> Comparison:
    try:
        return report.read(report_file)
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(
            "no_report",
            f"{report_file} holds no report: {error}.",
            "Measure first: `chatlog bench peers`.",
        ) from error


def _measure(comparing: Comparing, report_file: Path, console: Console) -> None:
    def on_turn(turn: Turn, is_taken_again: bool) -> None:
        print(_line(turn, is_taken_again), flush=True)
        report.write(comparing.so_far(), report_file)

    def on_progress(status: PartStatus) -> None:
        if status.state == State.DIED:
            console.print(f"  {on_one_line(status.sentence)}", markup=False)

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        comparing.run(on_turn, on_progress)
    finally:
        signal.signal(signal.SIGTERM, before)


def _line(turn: Turn, is_taken_again: bool) -> str:
    disturbed = disturbance(turn)
    again = "to be taken again" if is_taken_again else "kept" if disturbed else ""
    said = f" ({'; '.join(filter(None, (disturbed, again)))})" if disturbed or again else ""
    return (
        f"round {turn.round}, {turn.system}: {turn.seconds:.0f} s (start "
        f"{turn.start_seconds:.0f} s){said}: {turn.failed or _loads(turn)}"
    )


def _loads(turn: Turn) -> str:
    parts = []
    if turn.steady:
        p50 = turn.steady.loaded.latencies["delivered"]["p50_ms"]
        parts.append(f"p50 {p50:g} ms{_trouble(turn.steady)}")
    parts += [f"{phase.per_second:.0f}/s{_trouble(phase)}" for phase in turn.flows.values()]
    if turn.group:
        parts.append(f"group {turn.group.per_second:.0f}/s{_trouble(turn.group)}")
    return ", ".join(parts)


def _trouble(phase: Phase) -> str:
    said = trouble(phase)
    return f" ({said})" if said else ""


def _command(only: Sequence[str], rounds: int, quick: bool) -> str:
    options = " --quick" if quick else f" --rounds {rounds}"
    return f"chatlog bench peers{options}" + (f" --only {','.join(only)}" if only else "")
