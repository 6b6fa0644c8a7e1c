"""The shape of the tree: what imports what, who reads the environment, whose `events` it is."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packages import PACKAGES

ROOT = Path(__file__).parent.parent
PURE = sorted(
    [
        *(ROOT / "projections").rglob("projection.py"),
        *(path for path in ROOT.glob("[!.]*/**/features/*.py") if "tests" not in path.parts),
        ROOT / "events/members.py",
        ROOT / "processors/admission/conversation.py",
        ROOT / "processors/admission/decider.py",
        ROOT / "processors/admission/place.py",
        ROOT / "processors/admission/state.py",
        ROOT / "processors/fanout/receivers.py",
        ROOT / "processors/fanout/routing.py",
        ROOT / "projections/history/rows.py",
        ROOT / "processors/snapshots/plan.py",
        ROOT / "edge/session.py",
        ROOT / "edge/fields.py",
        ROOT / "edge/frames.py",
        ROOT / "edge/liveness.py",
        ROOT / "edge/markers.py",
        ROOT / "edge/wire.py",
        ROOT / "edge/tokens.py",
        ROOT / "edge/address.py",
        ROOT / "edge/limits.py",
        ROOT / "edge/answers.py",
        ROOT / "edge/effects.py",
        ROOT / "edge/hardening.py",
        ROOT / "edge/strict_json.py",
        ROOT / "client/state.py",
        ROOT / "client/inbound.py",
    ]
)
IMPURE = {"time", "random", "secrets", "asyncio", "os", "socket", "aiohttp", "redis", "cassandra"}


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The first words of everything a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_events_is_ours() -> None:
    import events

    assert Path(str(events.__file__)).parent == ROOT / "events"


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_decides_projects_or_routes_knows_no_clock_random_or_world(path: Path) -> None:
    assert not imported(path) & (IMPURE | {"confluent_kafka"})


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_first_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), "no docstring"


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in sources()
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    }
    assert readers <= {"infra/settings/loading.py"}


def test_only_stores_issue_commands_to_cassandra_or_redis() -> None:
    users = {
        str(path.relative_to(ROOT))
        for path in sources()
        if path.is_relative_to(ROOT / "projections")
        and path.name not in {"store.py", "database.py"}
        and imported(path) & {"cassandra", "redis"}
    }
    assert users == set()


def test_programs_open_the_codec_by_the_function_that_says_what_to_do() -> None:
    """`codec_at_start` turns a missing or damaged file of schema ids into a sentence."""
    openers = {
        str(path.relative_to(ROOT))
        for path in sources()
        if "Codec.from_file(" in path.read_text(encoding="utf-8")
    }
    assert openers == {"infra/ids_file.py"}


def test_every_package_is_shipped_and_has_rules_of_what_it_may_import() -> None:
    """A new one is not forgotten in either list."""
    there = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert there == set(PACKAGES)
    assert there == set(project["tool"]["importlinter"]["root_packages"])


def test_importing_anything_opens_nothing() -> None:
    """Every module imports in one process without a socket, a thread or a setting."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sources()
        if path.name not in {"__main__.py", "__init__.py"}
    ]
    program = (
        "import socket, sys, threading\n"
        "def refuse(*_): raise SystemExit('an import opened a socket')\n"
        "socket.socket.connect = refuse\n"
        f"for name in {modules!r}: __import__(name)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr[-2000:]
