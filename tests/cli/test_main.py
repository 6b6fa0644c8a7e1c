"""The entry of `chatlog`: statuses and sentences, never a traceback."""

import json
import re
from pathlib import Path

import pytest

from cli.__main__ import COMMANDS, Command, run
from infra.errors import UserError
from infra.stack.supervisor import life


def raise_user_error() -> None:
    raise UserError("no_luck", "Nothing worked.", "Try again.", exit_status=9)


def raise_unknown_error() -> None:
    raise LookupError("planted")


def interrupt() -> None:
    raise KeyboardInterrupt


def succeed(word: str = "yes") -> int:
    print(word)
    return 0


PLANTED = tuple(
    Command(function.__name__.replace("_", "-"), f"{__name__}:{function.__name__}", "Planted.")
    for function in (raise_user_error, raise_unknown_error, interrupt, succeed)
)


def test_a_known_error_is_a_sentence_what_to_do_and_its_status(capsys):
    status = run(["raise-user-error"], PLANTED)

    assert (status, capsys.readouterr().err) == (9, "chatlog: Nothing worked.\nTry again.\n")


def test_an_unknown_error_leaves_its_traceback_in_a_file(capsys):
    status = run(["raise-unknown-error"], PLANTED)
    said = capsys.readouterr().err
    file = Path(said.split()[-1].rstrip("."))
    details = file.read_text()
    file.unlink()

    assert status == 70
    assert "Traceback" not in said
    assert "LookupError: planted" in said
    assert "Traceback" in details


def test_ctrl_c_is_130(capsys):
    assert run(["interrupt"], PLANTED) == 130
    assert capsys.readouterr().err == "chatlog: interrupted.\n"


@pytest.mark.parametrize(
    "arguments", [["no-such"], ["succeed", "--no-such"], ["succeed", "a", "b"]]
)
def test_what_is_not_understood_is_2(arguments, capsys):
    assert run(arguments, PLANTED) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_what_is_done_is_0(capsys):
    assert run(["succeed", "well"], PLANTED) == 0
    assert capsys.readouterr().out == "well\n"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_explains_itself(command, capsys):
    assert run([command.name, "--help"]) == 0
    assert command.name in capsys.readouterr().out


def test_status_of_what_never_ran_is_told_and_is_1(tmp_path, capsys):
    status = run(["status", "--json", "--folder", str(tmp_path / "none")])
    said = json.loads(capsys.readouterr().out)

    assert (status, said["ok"]) == (1, False)
    assert {part["state"] for part in said["parts"]} == {"stopped"}


def test_the_doctor_answers_in_json(tmp_path, capsys):
    run(["doctor", "--json", "--folder", str(tmp_path / "none")])
    said = json.loads(capsys.readouterr().out)

    assert {"java", "redis-server", "jars", "disk"} <= {f["subject"] for f in said["findings"]}


def test_status_of_the_running_stack_is_0(stack, capsys):
    assert run(["status", "--folder", str(stack.folder)]) == 0
    assert re.search(r"kafka +ready", capsys.readouterr().out)


def test_up_is_harmless_when_all_runs(stack, capsys):
    before = [(status.name, status.pid) for status in stack.status()]
    status = run(["up", "--only-stack", "--folder", str(stack.folder)])
    life.end(stack.folder)  # other tests break parts of this stack and start them themselves
    said = capsys.readouterr().out

    assert (status, "Everything is ready" in said) == (0, True)
    after = {status.name: status.pid for status in stack.status()}
    assert {name: after[name] for name, _ in before} == dict(before)


def test_down_says_that_nothing_runs(tmp_path, capsys):
    assert run(["down", "--folder", str(tmp_path / "none")]) == 0
    assert capsys.readouterr().out == "Nothing of it runs any more.\n"


def test_settings_that_cannot_be_used_are_78(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHAT_KAFKA_BOTSTRAP", "a typo")

    assert run(["topics", "apply"]) == 78
    assert "CHAT_KAFKA_BOTSTRAP is not a setting" in capsys.readouterr().err


def test_nginx_is_not_put_before_gateways_that_end_tls_themselves(tmp_path, capsys):
    status = run(["up", "--nginx", "--secure", "--folder", str(tmp_path / "instance")])
    said = capsys.readouterr().err

    assert status == 2
    assert said == (
        "chatlog: nginx speaks plain text to gateways, which end TLS themselves in secured mode.\n"
        "Give one of --nginx and --secure.\n"
    )
