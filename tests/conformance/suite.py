"""Autobahn's test suite in an environment of its own, and one run of it.

In: a folder for the environment, the address of an endpoint. Out: what came of every case.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from cli.conformance_page import Outcome
from events.frames import SUBPROTOCOL

_HERE = Path(__file__).parent
_INSTALL_SECONDS_MAX = 1_800
_RUN_SECONDS_MAX = 1_800
_BUILD_TOOLS = ("setuptools<70", "wheel")
"""The suite is built with what setuptools has given up since."""


class NotRun(Exception):
    """The suite could not be installed, or did not run to its end."""


def install(folder: Path) -> Path:
    """Install the suite there, unless it is; the folder of its modules for Python 3."""
    modules = folder / "modules"
    if modules.exists():
        return modules
    python = _python(folder)
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    listed = str(_HERE / "requirements.txt")
    for argv in (
        (sys.executable, "-m", "venv", "--clear", str(folder)),
        (*pip, *_BUILD_TOOLS),
        (*pip, "--no-build-isolation", "--no-deps", "--requirement", listed),
        (python, str(_HERE / "python3.py"), str(modules)),
    ):
        if subprocess.run(argv, timeout=_INSTALL_SECONDS_MAX, check=False).returncode != 0:
            raise NotRun(f"Try it by hand: {' '.join(argv)}")
    return modules


async def run(folder: Path, url: str, cases: tuple[str, ...] = ("*",)) -> dict[str, Outcome]:
    """What came of each case, by its number. Raises NotRun."""
    out = folder / "outcomes.json"
    out.unlink(missing_ok=True)
    process = await asyncio.create_subprocess_exec(
        _python(folder),
        str(_HERE / "fuzz.py"),
        str(folder / "modules"),
        str(out),
        url,
        SUBPROTOCOL,
        *cases,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        await asyncio.wait_for(process.wait(), _RUN_SECONDS_MAX)
    except TimeoutError:
        process.kill()
        raise NotRun(f"The suite did not end within {_RUN_SECONDS_MAX} s.") from None
    if not out.exists():
        raise NotRun(f"The suite ended with status {process.returncode}.")
    return {case: Outcome(**told) for case, told in json.loads(out.read_text()).items()}


def _python(folder: Path) -> str:
    return str(folder / "bin" / "python")
