"""With which settings a part is started again, what waits for what, and who mends at a time."""

import os
import threading
import urllib.request
from types import SimpleNamespace

from cli.stack import _make_default
from infra.stack import groups, inheritance
from infra.stack.lock import one_at_a_time
from infra.stack.part import State
from infra.stack.services import Service
from infra.stack.stack import Stack
from infra.stack.supervisor import standing
from infra.stack.supervisor.standing import Standing
from infra.stack.supervisor.supervisor import Supervisor
from tests.infra.test_supervisor import (  # noqa: F401
    LIMIT_SECONDS,
    instance,
    living,
    pid_of,
    ready_service,
    until,
)

SETTING = "CHAT_EDGE_SEND_BURST"

_SAYS_ITS_SETTING = f"""
import http.server, os, sys
class Says(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(os.environ.get("{SETTING}", "none").encode())
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Says).serve_forever()
"""


def said_by(service: Service) -> str:
    with urllib.request.urlopen(service.ready_url) as answer:
        return answer.read().decode()


def test_a_restart_uses_the_settings_of_the_start(instance, living, monkeypatch):  # noqa: F811
    """The supervisor began before the setting was given, as with a later `chatlog up`."""
    service = ready_service(instance, code=_SAYS_ITS_SETTING)
    monkeypatch.setenv(SETTING, "7")
    instance.start_part("small")
    before = pid_of(instance)
    assert said_by(service) == "7"
    instance.kill("small")
    until(lambda: instance.part_status("small").state == State.READY)

    assert pid_of(instance) != before
    assert said_by(service) == "7"
    # A start by a command is with its own settings.
    monkeypatch.delenv(SETTING)
    instance.stop_part("small")
    instance.start_part("small")
    assert said_by(service) == "none"


def test_inherited_settings_are_the_owners_and_nothing_else_is_kept(tmp_path):
    inheritance.keep(tmp_path, {"CHAT_A": "1", "SECRET_OF_THE_SHELL": "x"})
    (file,) = tmp_path.iterdir()

    assert "SECRET" not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert inheritance.of_the_start(tmp_path, {"CHAT_B": "2", "PATH": "/bin"}) == {
        "CHAT_A": "1",
        "PATH": "/bin",
    }
    file.write_text("{")
    assert inheritance.of_the_start(tmp_path, {"CHAT_B": "2"}) == {"CHAT_B": "2"}


def test_others_wait_for_the_first_try_of_a_server_only():
    once = standing.started(standing.died(Standing(), 1_000.0, 1))
    twice = standing.died(once, 1_001.0, 1)

    assert standing.is_awaited(once, 1_001.0)
    assert not standing.is_awaited(twice, 1_001.0)
    assert not standing.is_awaited(once, 1_000.0 + standing.AWAITED_SECONDS_MAX)


def test_one_server_that_stays_dead_does_not_keep_the_others_down(instance):  # noqa: F811
    """Redis cannot be started, as the program that is its folder's cannot be made."""
    ready_service(instance)
    instance.start_part("small")
    (instance.folder / "redis").mkdir()
    instance.pid_file("redis").write_text(instance.pid_file("small").read_text())
    record = instance.pid_file("redis").read_text().replace('"pid": ', '"pid": 9')
    instance.pid_file("redis").write_text(record)
    (instance.folder / "redis" / "start.lock").mkdir()
    before = pid_of(instance)
    supervisor = Supervisor(instance, wait_seconds_max=0.5)
    instance.kill("small")
    supervisor.start()
    try:
        until(lambda: pid_of(instance) not in (None, before))
    finally:
        supervisor.stop()


def test_groups_are_not_looked_at_while_somebody_starts_programs(instance, monkeypatch):  # noqa: F811
    instance.write_environment()
    seen, told = [], []
    monkeypatch.setattr(groups, "mend", lambda *_: seen.append("mended"))
    mending = threading.Thread(target=instance.mend_groups, args=(told.append,))
    with one_at_a_time(instance.folder / "lock"):
        mending.start()
        until(lambda: told)
        assert seen == []
        assert "another command" in told[0].detail
        ready_service(instance)
        instance.start_part("small")
    mending.join(LIMIT_SECONDS)

    assert seen == [], "a program of ours runs by now"


def test_two_commands_may_make_the_default_at_once(tmp_path):
    folder = tmp_path / "local"
    folder.mkdir()
    problems = []

    def make() -> None:
        for _ in range(200):
            try:
                _make_default(SimpleNamespace(folder=folder))
            except OSError as error:
                problems.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_SECONDS)

    assert problems == []
    assert os.readlink(tmp_path / "environment") == "local/environment"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["environment", "local"]


def test_a_status_of_a_living_process_does_not_use_the_time_of_day(instance):  # noqa: F811
    ready_service(instance)
    instance.start_part("small")
    file = instance.pid_file("small")
    file.write_text(file.read_text().replace('"started_at": ', '"started_at": 9'))

    seconds = Stack(instance.folder).part_status("small").seconds
    assert seconds is not None
    assert 0 <= seconds < LIMIT_SECONDS * 10
