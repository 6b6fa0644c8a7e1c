"""`chatlog artifacts …`: the jars of the stack."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from cyclopts import App

from infra.stack import artifacts
from infra.stack.place import JARS

app = App(name="artifacts", help="Fetch, check or lock the jars of the stack.")


@app.command
def fetch() -> None:
    """Download what is missing through Maven and check every file against the lock."""
    if artifacts.is_complete(JARS):
        print("The jars are here.")
        return
    total = len(artifacts.locked())
    print(f"Fetching up to {total} files (about 220 MB) through Maven …", flush=True)
    artifacts.ensure(JARS, _counting())
    print(f"{total} files are here and match the lock.")


@app.command
def check() -> int:
    """Say whether the jars on this machine were checked against the current lock."""
    complete = artifacts.is_complete(JARS)
    print("The jars match the lock." if complete else "The jars are missing or out of date.")
    return 0 if complete else 1


@app.command
def lock() -> None:
    """Accept what Maven delivers now: rewrites infra/stack/artifacts.lock."""
    with tempfile.TemporaryDirectory() as folder:
        artifacts.download(Path(folder), _counting())
        count = artifacts.write_lock(Path(folder))
    print(f"{artifacts.LOCK_FILE} names {count} files.")


def _counting() -> Callable[[str], None]:
    """Tell every tenth file, and the large one."""
    names: list[str] = []

    def tell(name: str) -> None:
        names.append(name)
        if len(names) % 10 == 0 or name.endswith(".gz"):
            print(f"  {len(names)} downloaded, newest: {name}", flush=True)

    return tell
