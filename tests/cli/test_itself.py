"""A command that chatlog names is one that can be typed where it was named."""

import subprocess
import sys
from pathlib import Path

import pytest

from cli.itself import command, spoken

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `chatlog` in a folder that is not on PATH, which was run."""
    file = tmp_path / "a folder" / "bin" / "chatlog"
    file.parent.mkdir(parents=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(file), "up"])
    monkeypatch.setenv("PATH", "/nowhere")
    return file


def test_what_is_on_path_is_called_by_its_name(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(script.parent))
    assert command() == "chatlog"


def test_what_is_not_on_path_is_called_by_its_path(
    script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command() == f"'{script}'"
    monkeypatch.chdir(script.parents[1])
    assert command() == "bin/chatlog"
    monkeypatch.chdir(script.parent)
    assert command() == "./chatlog"


def test_another_checkout_on_path_is_not_meant(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "chatlog"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command() == f"'{script}'"


def test_without_a_script_python_is_called(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["-c"])
    assert command() == f"{sys.executable} -m cli"


def test_sentences_name_it_so(script: Path) -> None:
    said = spoken("Run `chatlog up`, not `chatlogs`; chatlog is `chatlog`.")
    assert said == f"Run `'{script}' up`, not `chatlogs`; chatlog is `'{script}'`."


def test_what_a_sentence_names_can_be_run_as_it_is_printed(tmp_path: Path) -> None:
    chatlog = Path(sys.executable).with_name("chatlog")
    done = subprocess.run(
        [chatlog, "no-such"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    named = done.stderr.split("`")[1]
    shown = subprocess.run(
        named, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, shown.returncode) == (2, 0)
    assert "COMMAND" in shown.stdout
