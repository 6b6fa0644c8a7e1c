"""`make conformance`: the suite against both endpoints, and the record of what came of it.

`python -m tests.conformance '9.*'` runs some cases and keeps nothing.
"""

import asyncio
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
import uvloop

from cli.conformance_page import RECORD, Conformance, Run, counts
from edge.gateway import SOCKET_PATH
from infra.checkout import CHECKOUT
from tests.conformance import suite
from tests.conformance.echo import AS_SHIPPED, UNLIMITED, echo

FOLDER = CHECKOUT / ".chatlog" / "conformance"
_PROFILES = {"as_shipped": AS_SHIPPED, "unlimited": UNLIMITED}


async def main(cases: tuple[str, ...]) -> None:
    """Run the cases; all of them when none is named, and then the record is written."""
    print(f"conformance: Autobahn's test suite is kept in {FOLDER}", flush=True)
    await asyncio.to_thread(suite.install, FOLDER)
    runs = []
    for name, profile in _PROFILES.items():
        async with echo(profile) as port:
            outcomes = await suite.run(
                FOLDER, f"ws://127.0.0.1:{port}{SOCKET_PATH}", cases or ("*",)
            )
        run = Run(name=name, cases=outcomes)
        runs.append(run)
        print(f"conformance: {name}: {counts(run.cases.values())}", flush=True)
        for case, outcome in outcomes.items():
            if cases and not outcome.is_ok:
                print(f"  {case}: {outcome.behavior}, close: {outcome.close} {outcome.code}")
    if not cases:
        _keep(runs, RECORD)


def _keep(runs: list[Run], record: Path) -> None:
    packages = (FOLDER / "lib").glob("*/site-packages/autobahntestsuite-*.dist-info")
    kept = Conformance(
        measured_on=datetime.now(UTC).date().isoformat(),
        suite=next(packages).name.removesuffix(".dist-info").replace("-", " "),
        aiohttp=version("aiohttp"),
        runs=runs,
    )
    record.write_bytes(msgspec.json.encode(kept).replace(b"],", b"],\n") + b"\n")


try:
    uvloop.run(main(tuple(sys.argv[1:])))
except suite.NotRun as error:
    sys.exit(f"conformance: {error}")
