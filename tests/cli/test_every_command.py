"""Every command of the parser, with whatever may be wrong: one sentence and a known status.

What is documented in docs/commands.md is tried here for all commands, those to come included.
"""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclopts import CycloptsError

from cli.__main__ import build, run
from cli.commands_page import Leaf, leaves
from infra.exits import MEANINGS, Exit
from tests.cli.commands import OUTPUTS, Done, Runner, runner

LEAVES = list(leaves(build()))
MESSAGE = str(uuid.UUID(int=4))

CHEAP = {
    "status": "status --folder {folder}/none",
    "doctor": "doctor --folder {folder}/none",
    "down": "down --folder {folder}/none",
    "token": "token ann",
    "chat": "chat ann bob --plain",
    "events tail": "events tail --from start --no-follow",
    "trace": f"trace {MESSAGE}",
    "dead list": "dead list",
    "dead show": "dead show history 1",
    "dead replay": "dead replay history --all",
    "replay verify": "replay verify history --wait-seconds 0",
    "replay rebuild": "replay rebuild --yes",
    "apply": "apply",
    "topics apply": "topics apply",
    "topics list": "topics list",
    "schemas apply": "schemas apply",
    "schemas check": "schemas check",
    "docs": "docs --check",
    "artifacts check": "artifacts check",
    "bench gate": "bench gate --baseline {folder}/none",
    "bench peers": "bench peers --no-measure --report-file {folder}/none",
    "capacity": "capacity",
    "chaos check": "chaos check --folder {folder}/none",
    "chaos list": "chaos list",
}
"""What may be run without a stack, and how."""

NEEDS_A_MACHINE = {
    *("up", "demo", "schemas lock", "artifacts fetch", "artifacts lock", "chaos", "chaos run"),
    *("bench", "bench edge", "bench scale", "bench profile", "bench latency", "bench capacity"),
    *(
        "bench idle",
        "bench opens",
        "bench restart",
        "bench reconnect",
        "bench storm",
        "bench overload",
    ),
}
"""What starts a stack of its own, downloads, or writes into the checkout."""

BAD_NUMBERS = ("nan", "inf", "-inf", "-1", "1e999", "99999999999999999999", "x", "", "1,5", "0x1")


@pytest.fixture(scope="module")
def commands() -> Iterator[Runner]:
    with runner() as started:
        yield started


@pytest.fixture
def nowhere(tmp_path: Path) -> dict[str, str]:
    """Settings with which nothing answers."""
    return {
        "CHAT_ENV_FILE": "",
        "CHAT_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "CHAT_CASSANDRA_PORT": "1",
        "CHAT_REDIS_URL": "redis://127.0.0.1:1/0",
        "CHAT_REGISTRY_URL": "http://127.0.0.1:1/apis/ccompat/v7",
        "CHAT_GATEWAY_URLS": "ws://127.0.0.1:1/v1/ws",
        "CHAT_SCHEMA_IDS": str(tmp_path / "schema-ids.json"),
        "CHAT_TOKEN_JWKS_FILE": str(tmp_path / "keys" / "jwks.json"),
        "CHAT_TOKEN_SIGNING_KEY_FILE": str(tmp_path / "keys" / "signing.pem"),
    }


def check(done: Done, *statuses: int) -> None:
    """A known status, and a sentence unless all is well; never a traceback."""
    assert done.status in (statuses or set(MEANINGS) - {Exit.INTERNAL}), done
    assert "Traceback" not in done.out + done.err
    if done.status not in (Exit.DONE, Exit.FAILED):
        assert re.match(r"chatlog: .+\.\n", done.err), done.err


def test_every_command_is_known_here() -> None:
    assert {leaf.name for leaf in LEAVES} == set(CHEAP) | NEEDS_A_MACHINE


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_what_cannot_be_meant_is_refused_before_anything_is_done(
    leaf: Leaf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("a file")
    cases = [["--no-such-option"], ["--no-such-option", "1"]]
    for argument in leaf.arguments:
        wrong: list[str] = []
        if holds(argument.hint, "Path"):
            wrong = [str(file / "inside"), str(file if "folder" in argument.name else tmp_path)]
            wrong.append("/" + "x" * 300)
        elif holds(argument.hint, "int") or holds(argument.hint, "float"):
            wrong = [*BAD_NUMBERS, *(["1.5"] if holds(argument.hint, "int") else [])]
        elif holds(argument.hint, "Literal") or holds(argument.hint, "enum"):
            wrong = ["no-such", "7"]
        required = [one for one in leaf.arguments if one.required and one is not argument]
        before = [_good(one) for one in required]
        cases += [[*before, *_given(argument, value)] for value in wrong]
    for case in cases:
        with pytest.raises(CycloptsError):  # Else it would be run, and some take long.
            build().parse_args([*leaf.words, *case], exit_on_error=False, print_error=False)
        status = run([*leaf.words, *case])
        said = capsys.readouterr()
        assert status == Exit.USAGE, (case, said)
        assert re.match(r"chatlog: .+\.\nSee `.*--help`\.\n$", said.err), (case, said.err)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_help_may_be_cut_off_and_may_not_fit_on_the_disk(leaf: Leaf, commands: Runner) -> None:
    kept, closed, full = commands.run([*leaf.words, "--help"])
    check(kept, Exit.DONE)
    check(closed, Exit.DONE)
    check(full, Exit.INPUT_OUTPUT)


@pytest.mark.parametrize("name", CHEAP)
def test_without_a_stack_every_command_says_so(
    name: str, commands: Runner, nowhere: dict[str, str], tmp_path: Path
) -> None:
    arguments = CHEAP[name].format(folder=tmp_path).split()
    one_by_one = [OUTPUTS] if name != "chat" else [[output] for output in OUTPUTS]
    kept, closed, full = (
        done
        for outputs in one_by_one
        for done in commands.run(arguments, environment=nowhere, folder=tmp_path, outputs=outputs)
    )
    check(kept, Exit.DONE, Exit.FAILED, Exit.SETTINGS)  # no stack, no file of schema ids
    if not kept.out:
        assert re.match(r"chatlog: .+\.\n.+\.\n$", kept.err), kept.err
    check(closed, kept.status)
    check(full, Exit.INPUT_OUTPUT if kept.out else kept.status)


def holds(hint: Any, name: str) -> bool:
    """Whether a type of an argument is, or contains, one of this name."""
    return re.search(rf"\b{name}\b", repr(hint)) is not None and "bool" not in repr(hint)


def _given(argument: Any, value: str) -> list[str]:
    name = argument.name
    return [f"{name}={value}"] if name.startswith("--") else [value or "x"]


def _good(argument: Any) -> str:
    return {"OFFSET": "1", "MODEL": "history"}.get(argument.name.strip("-").upper(), "ann")
