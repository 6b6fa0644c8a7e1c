"""One table of exit statuses: every program ends with one of them, and says the same by it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.exits import MEANINGS, Exit
from tests.packages import PACKAGES

ROOT = Path(__file__).parents[2]
SECONDS = 60


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: one for name, one in os.environ.items() if not name.startswith("CHAT_")}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**inherited, "CHAT_ENV_FILE": "", **settings},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_every_status_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Exit)


def _ends(tree: ast.Module) -> list[ast.expr]:
    """What is given to `os._exit` and as `exit_status`, and constants whose name says so."""
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if ast.unparse(node.func) in ("os._exit", "sys.exit", "SystemExit"):
                found += node.args
            found += [one.value for one in node.keywords if one.arg == "exit_status"]
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("EXIT_"):
            found.append(node.value)
    return found


def test_no_program_has_a_number_of_its_own() -> None:
    own = [
        f"{file.relative_to(ROOT)}:{one.lineno}"
        for package in PACKAGES
        for file in (ROOT / package).rglob("*.py")
        for one in _ends(ast.parse(file.read_text()))
        if isinstance(one, ast.Constant) and isinstance(one.value, int)
    ]

    assert own == []


PROGRAMS = {
    "edge": ("edge",),
    "workers": ("processors", "admission"),
}


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"schemas": []}'])
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_a_program_without_schema_ids_says_what_to_do(program, content, tmp_path) -> None:
    ids = tmp_path / "ids.json"
    if content is not None:
        ids.write_text(content)
    ended = run(
        *program,
        CHAT_SCHEMA_IDS=str(ids),
        CHAT_GATEWAY_ID="gateway-1",
        CHAT_KAFKA_BOOTSTRAP="127.0.0.1:1",
        CHAT_TOKEN_JWKS_FILE=str(tmp_path / "jwks.json"),
        CHAT_TOKEN_SIGNING_KEY_FILE=str(tmp_path / "signing.pem"),
    )

    assert ended.returncode == Exit.SETTINGS, ended.stderr
    assert "Traceback" not in ended.stderr
    assert str(ids) in ended.stderr
    assert "chatlog apply" in ended.stderr


def test_a_role_that_there_is_not_is_a_mistake_of_the_command_line() -> None:
    assert run("processors", "nosuch").returncode == Exit.USAGE


@pytest.mark.parametrize("program", [*PROGRAMS.values(), ("infra.balancer",)])
def test_a_setting_that_there_is_not_is_a_mistake_of_the_settings(program) -> None:
    ended = run(*program, CHAT_NOSUCH="1")

    assert ended.returncode == Exit.SETTINGS
    assert "Traceback" not in ended.stderr
