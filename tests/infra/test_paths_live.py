"""The whole stack from a checkout whose path has a space and letters beyond ASCII.

With the locale of a bare container, in which Java would not find its own files otherwise.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.checkout import CHECKOUT
from infra.stack.place import JARS
from tests.packages import PACKAGES

COPIED = (*PACKAGES, "docs")


@pytest.fixture
def checkout(tmp_path):
    copy = tmp_path / "chat log ü 会話"
    for name in COPIED:
        shutil.copytree(CHECKOUT / name, copy / name)
    shutil.copytree(JARS, copy / ".chatlog" / "jars", copy_function=link_or_copy)
    yield copy
    chatlog(copy, "down")


def link_or_copy(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def chatlog(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHAT_")}
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        cwd=checkout,
        env={**kept, "PYTHONPATH": str(checkout), "LC_ALL": "C", "PYTHONHASHSEED": "0"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["open", "locked"])
def test_it_starts_twice_and_everything_stays_in_the_checkout(checkout, kind):
    options = {"open": ["--nginx"], "locked": ["--secure", "--only-stack"]}[kind]
    for _ in range(2):
        up = chatlog(checkout, "up", *options)
        assert up.returncode == 0, up.stdout + up.stderr
        status = chatlog(checkout, "status", "--json")
        assert status.returncode == 0, status.stdout + status.stderr
        assert json.loads(status.stdout)["folder"] == str(checkout / ".chatlog" / "local")
        down = chatlog(checkout, "down")
        assert down.returncode == 0, down.stdout + down.stderr

    local = checkout / ".chatlog" / "local"
    assert (local / "kafka" / "data" / "meta.properties").is_file()
    assert any((local / "cassandra" / "data" / "data").iterdir())
    assert [one.name for one in checkout.parent.iterdir()] == [checkout.name]
