"""Our own programs as parts, tried with small programs in their place; no server is needed."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from subprocess import Popen

import pytest

from infra.errors import UserError
from infra.stack import process
from infra.stack.part import State
from infra.stack.services import Service, gateway, worker
from infra.stack.stack import Stack

READY = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


@pytest.fixture
def stack(tmp_path):
    stack = Stack(tmp_path / "instance")
    yield stack
    stack.stop()


def program(stack: Stack, code: str, name: str = "worker-1") -> Service:
    port = stack.ports.port(name)
    return Service(
        name=name,
        argv=(sys.executable, "-c", code, str(port)),
        port=port,
        ready_url=f"http://127.0.0.1:{port}/readyz",
        ready_seconds_max=60.0,
    )


def living(stack: Stack) -> list[process.ProcessRecord]:
    return list(process.marked(str(stack.folder)))


def test_a_service_runs_dies_and_runs_again(stack):
    stack.run(program(stack, READY))
    ready = stack.part_status("worker-1")
    stack.kill("worker-1")
    died = stack.part_status("worker-1")
    stack.start_part("worker-1")

    assert (ready.state, died.state) == (State.READY, State.DIED)
    assert stack.part_status("worker-1").pid not in (None, ready.pid)


def test_another_command_finds_the_service_again(stack):
    stack.run(program(stack, READY))
    other = Stack(stack.folder)

    assert other.part_status("worker-1").state == State.READY
    other.stop()
    assert living(stack) == []
    assert "worker-1" not in stack.names()


def test_a_service_that_ends_at_once_is_told_with_its_last_words(stack):
    with pytest.raises(UserError) as failed:
        stack.run(program(stack, "print('no such role'); raise SystemExit(3)"))

    assert failed.value.code == "part_died"
    assert "no such role" in failed.value.sentence


def test_a_service_that_never_answers_is_silent_and_stop_ends_it(stack):
    mute = replace(program(stack, "import time; time.sleep(600)"), ready_seconds_max=0.5)
    with pytest.raises(UserError) as failed:
        stack.run(mute)
    state = stack.part_status("worker-1").state
    stack.stop()

    assert (failed.value.code, state) == ("part_silent", State.SILENT)
    assert living(stack) == []


def test_a_worker_with_a_stopped_role_is_halted_and_says_why(stack):
    roles = {"receipts": {"stopped": None}, "history": {"stopped": "It met what is new. Deploy."}}
    said = json.dumps({"roles": roles})
    halted = READY.replace("200 if", "503 if").replace(
        "end_headers()", f"end_headers(); self.wfile.write({said.encode()!r})"
    )
    with pytest.raises(UserError) as failed:
        stack.run(program(stack, halted))
    status = stack.part_status("worker-1")

    assert (failed.value.code, status.state) == ("part_halted", State.HALTED)
    assert status.detail == "history has stopped: It met what is new. Deploy"
    assert status.detail in failed.value.sentence
    assert status.pid is not None


def test_one_that_fails_lets_the_others_stop_waiting(stack):
    mute = program(stack, "import time; time.sleep(600)", "worker-1")
    broken = program(stack, "raise SystemExit(1)", "worker-2")
    with pytest.raises(UserError) as failed:
        stack.run(mute, broken)

    assert failed.value.code == "part_died"


def test_a_process_that_ignores_sigterm_is_ended_all_the_same(stack):
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY
    stack.run(replace(program(stack, stubborn), stop_seconds_max=0.3))
    stack.stop()

    assert living(stack) == []


def test_stop_ends_what_has_no_pid_file(stack):
    """We died after the start of a process and before its pid file was written."""
    stack.run(program(stack, READY))
    (stack.folder / "worker-1" / "pid.json").unlink()
    stack.stop()

    assert living(stack) == []


def test_stop_leaves_a_process_alone_that_got_a_reused_pid(stack):
    stack.run(program(stack, READY))
    stack.kill("worker-1")
    pid_file = stack.folder / "worker-1" / "pid.json"
    with Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as stranger:
        text = pid_file.read_text()
        old = process.read_record(pid_file)
        pid_file.write_text(text.replace(f'"pid": {old.pid}', f'"pid": {stranger.pid}'))
        assert stack.part_status("worker-1").state == State.DIED
        stack.stop()
        alive = stranger.poll() is None
        stranger.kill()

    assert alive


@pytest.mark.parametrize("damage", ["", "{", '{"pid": 1}', "[]", "7"])
def test_a_damaged_pid_file_is_no_record(tmp_path, damage):
    file = tmp_path / "pid.json"
    file.write_text(damage)

    assert process.read_record(file) is None


def test_gateways_are_listed_for_clients(stack):
    service = gateway(stack.ports, "gateway-1")
    service.save(stack.folder)

    assert stack.environment()["CHAT_GATEWAY_URLS"] == f"ws://127.0.0.1:{service.port}/v1/ws"
    assert service.environment["CHAT_EDGE_PORT"] == str(service.port)


def test_a_worker_is_told_its_roles_and_its_health_port(stack):
    service = worker(stack.ports, "worker-2", ["admission", "fanout"])

    assert service.argv[1:] == ("-m", "processors", "admission", "fanout")
    assert service.environment["CHAT_WORKER_HEALTH_PORT"] == str(service.port)


def test_a_service_inherits_what_programs_need(stack, tmp_path):
    said = tmp_path / "said"
    code = f"import os; open({str(said)!r}, 'w').write(os.environ['CHAT_KAFKA_BOOTSTRAP'])\n{READY}"
    stack.run(program(stack, code))

    assert said.read_text() == stack.environment()["CHAT_KAFKA_BOOTSTRAP"]
    assert Path(stack.folder / "environment").read_text().startswith("CHAT_KAFKA_BOOTSTRAP=")


def test_stop_ends_a_start_that_is_under_way(stack):
    """`chatlog down` in another terminal while `chatlog up` still waits."""
    mute = program(stack, "import time; time.sleep(600)")
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(stack.run, replace(mute, ready_seconds_max=60.0))
        while not living(stack):
            time.sleep(0.02)
        Stack(stack.folder).stop()
        with pytest.raises(UserError):
            starting.result(60)

    assert living(stack) == []
