"""`chatlog demo`: brings everything up, plays the story, says what held, and clears up.

The exit status is 0 only if every promise held. It plays in a folder of its own, on ports of its
own, beside whatever else runs; at the end, also after Ctrl-C or SIGTERM, nothing of it runs any
more. The logs stay when something broke.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.table import Table

from cli.demo import promises, scenes
from cli.demo.promises import Ledger
from cli.demo.stage import Stage
from cli.demo.transcript import Transcript
from cli.itself import command
from cli.progress import progress
from infra import arguments
from infra.errors import UserError
from infra.stack import artifacts
from infra.stack.place import DEFAULT_FOLDER
from infra.stack.stack import Stack

FOLDER = DEFAULT_FOLDER.parent / "demo"


def by_hand() -> str:
    """What to type next."""
    typed = command()
    told = {
        f"{typed} up": f"everything stays up until `{typed} down`",
        f"{typed} chat ann": "in one terminal",
        f"{typed} chat bob": "in another",
        f"{typed} events tail": "the log as a story, in a third",
    }
    longest = max(map(len, told))
    lines = (f"  {one:<{longest}}  {what}" for one, what in told.items())
    return "\n".join(("\nTo chat by hand:", *lines))


def demo(
    *,
    folder: Annotated[
        arguments.Folder, Parameter(help="Where it keeps its data; emptied first.")
    ] = FOLDER,
    secure: Annotated[
        bool,
        Parameter(negative="", help="Secured mode: TLS and passwords everywhere, least rights."),
    ] = False,
    as_json: Annotated[
        bool, Parameter(name="--json", negative="", help="Print the outcome as JSON too.")
    ] = False,
) -> int:
    """Ann and Bob, two crashes, every promise checked."""
    began = time.monotonic()
    transcript = Transcript()
    stack = Stack(folder, secure=secure)
    with _alone(folder), _ended(stack):
        stack.wipe()
        if not artifacts.is_complete(stack.jars):
            print("Fetching the jars of the stack (about 220 MB) …", flush=True)
            artifacts.ensure(stack.jars)
        stage = Stage(stack)
        with progress() as report:
            stage.build(report)
        transcript.tell(f"everything is up after {time.monotonic() - began:.1f} s")
        ledger = asyncio.run(scenes.play(stage, transcript))
    _show(transcript, ledger, time.monotonic() - began)
    if ledger.held:
        stack.wipe()
        print(by_hand())
    else:
        print(f"\nThe logs are in {stack.folder}: each part has a folder there.")
    if as_json:
        print(json.dumps(_as_json(ledger)))
    return 0 if ledger.held else 1


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One demo at a time in a folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".held").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                "demo_running",
                f"A demo already runs in {folder}.",
                "Wait for it, or give this one another --folder.",
            ) from None
        yield


@contextmanager
def _ended(stack: Stack) -> Iterator[None]:
    """Whatever happens inside, nothing of the stack runs afterwards."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        # A second Ctrl-C must not leave half of it running.
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("\nEverything is ended …", flush=True)
        stack.stop()
        signal.signal(signal.SIGINT, interrupt)
        signal.signal(signal.SIGTERM, previous)


def _show(transcript: Transcript, ledger: Ledger, seconds: float) -> None:
    console = transcript.console
    latencies = Table(box=None, pad_edge=False)
    latencies.add_column("milliseconds from writing to", no_wrap=True)
    latencies.add_column("n", justify="right")
    for name in ("✓ p50", "p99", "✓✓ p50", "p99", "read p50", "p99"):
        latencies.add_column(name, justify="right")
    for when, ticks in ledger.ticks.items():
        cells = [
            f"{promises.percentile((getattr(one, name) for one in ticks), share):.1f}"
            for name in ("accepted", "delivered", "read")
            for share in (0.5, 0.99)
        ]
        latencies.add_row(when, str(len(ticks)), *cells)
    console.print()
    console.print(latencies)
    console.print()
    for promise in ledger.promises:
        mark, style = ("✗", "red") if promise.broken else ("✓", "green")
        console.print(f"{mark} {promise.sentence}", style=style, markup=False)
        for said in promise.broken or (promise.evidence,):
            console.print(f"    {said}", style="dim", markup=False)
    count = len(ledger.promises)
    broken = sum(bool(promise.broken) for promise in ledger.promises)
    verdict = (
        f"{broken} of {count} promises were broken" if broken else f"All {count} promises held"
    )
    console.print(f"\n{verdict}, in {seconds:.0f} s.", style="bold")


def _as_json(ledger: Ledger) -> dict[str, Any]:
    return {
        "ok": ledger.held,
        "promises": [
            {"promise": p.sentence, "evidence": p.evidence, "broken": p.broken}
            for p in ledger.promises
        ],
        "ticks_ms": {when: [list(one) for one in ticks] for when, ticks in ledger.ticks.items()},
    }
