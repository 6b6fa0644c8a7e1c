"""The same program with another number of partitions, as a site that chooses it would run it.

The number is a fact of the code (ADR 0014), not a setting; a site that wants another changes one
line before its first start. So does this: it copies the packages, changes that line, and runs
`chatlog bench latency` of the copy. Nothing of the checkout is touched.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from bench import report
from bench.scenarios.latency import LatencyResult, Options
from events.topics import PARTITIONS
from infra.checkout import CHECKOUT
from infra.errors import UserError
from infra.settings import inherited_environment
from infra.stack.place import JARS

FOLDER = CHECKOUT / ".chatlog" / "variants"

_LINE = re.compile(r"^PARTITIONS = \d+$", re.MULTILINE)
_FILE = Path("events/topics.py")
_START_SECONDS = 400.0


def with_partitions(text: str, partitions: int) -> str:
    """The text of `events/topics.py` with another number. Pure."""
    changed, found = _LINE.subn(f"PARTITIONS = {partitions}", text)
    assert found == 1, "events/topics.py has one line that says how many partitions there are"
    return changed


def copy(folder: Path, partitions: int) -> None:
    """Copy every package of the checkout, with another number of partitions."""
    shutil.rmtree(folder, ignore_errors=True)
    for package in sorted(CHECKOUT.glob("*/__init__.py")):
        name = package.parent.name
        shutil.copytree(
            package.parent, folder / name, ignore=shutil.ignore_patterns("__pycache__", "tests")
        )
    file = folder / _FILE
    file.write_text(with_partitions(file.read_text(), partitions))
    (folder / ".chatlog").mkdir()
    (folder / ".chatlog" / JARS.name).symlink_to(JARS)


def measure(partitions: int, options: Options, tell: Callable[[str], None]) -> LatencyResult:
    """What the copy's own benchmark of latency measures. Raises UserError."""
    folder = FOLDER / str(partitions)
    copy(folder, partitions)
    tell(f"{partitions} partitions instead of {PARTITIONS}: a copy with one line changed")
    file = folder / "report.json"
    seconds_max = _START_SECONDS + options.warm_up_seconds + options.seconds
    try:
        done = subprocess.run(
            (
                sys.executable, "-m", "cli", "bench", "latency",
                "--pairs", str(options.pairs), "--rate", str(options.rate),
                "--warm-up-seconds", str(options.warm_up_seconds),
                "--seconds", str(options.seconds), "--report-file", str(file),
            ),
            cwd=folder,
            env={**inherited_environment(), "PYTHONPATH": str(folder)},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=seconds_max, check=False,
        )  # fmt: skip
        if not file.exists():
            last = (done.stdout.strip().splitlines() or ["nothing"])[-1]
            raise UserError(
                "variant_failed",
                f"The benchmark with {partitions} partitions wrote no report; it said: {last}",
                f"Read the logs in {folder / '.chatlog' / 'bench'}.",
            )
        told = msgspec.json.decode(file.read_bytes(), type=report.Report)
    finally:
        subprocess.run(
            (sys.executable, "-c", _STOP), cwd=folder, stdin=subprocess.DEVNULL, check=False,
            env={**inherited_environment(), "PYTHONPATH": str(folder)},
        )  # fmt: skip
    (found,) = (one for one in told.results if isinstance(one, LatencyResult))
    shutil.rmtree(folder)
    return found


_STOP = "from bench.world import FOLDER; from infra.stack.stack import Stack; Stack(FOLDER).stop()"
"""Ends what a benchmark that was cut off left behind."""
