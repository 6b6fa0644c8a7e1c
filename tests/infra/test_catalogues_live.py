"""`chatlog apply` on a real stack, where one part cannot be applied."""

import os
import subprocess
import sys

from infra.checkout import CHECKOUT
from infra.exits import Exit


def apply(stack, **settings) -> subprocess.CompletedProcess[str]:
    inherited = {name: one for name, one in os.environ.items() if not name.startswith("CHAT_")}
    return subprocess.run(
        [sys.executable, "-m", "cli", "apply"],
        cwd=CHECKOUT,
        env={**inherited, "CHAT_ENV_FILE": "", **stack.environment(), **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_was_applied_is_said_when_a_part_fails(stack):
    ended = apply(stack, CHAT_REGISTRY_URL="http://127.0.0.1:1/apis/ccompat/v7")

    assert ended.returncode == Exit.FAILED
    assert (
        "(applied: topics, keyspace and tables; not applied in full: schemas)."
        in ended.stderr.splitlines()[0]
    )


def test_it_is_said_too_when_the_ids_file_cannot_be_written(stack, tmp_path):
    (tmp_path / "file").touch()
    ended = apply(stack, CHAT_SCHEMA_IDS=str(tmp_path / "file" / "ids.json"))

    assert ended.returncode == Exit.INPUT_OUTPUT, ended.stderr
    assert "applied: topics, keyspace and tables; not applied in full: schemas" in ended.stderr
