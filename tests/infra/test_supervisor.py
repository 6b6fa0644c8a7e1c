"""What is started again, when, and what is left alone; processes are small, no server is needed."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from infra.errors import UserError
from infra.stack import process, services
from infra.stack.part import PartStatus, State
from infra.stack.stack import Stack
from infra.stack.supervisor import book, life, orders, standing
from infra.stack.supervisor.standing import Standing, wait_seconds
from infra.stack.supervisor.supervisor import Supervisor

LIMIT_SECONDS = 60.0


def until(holds):
    deadline = time.monotonic() + LIMIT_SECONDS
    while not (found := holds()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return found


def test_waits_grow_and_have_a_cap():
    assert [wait_seconds(failures) for failures in range(1, 10)] == [0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert wait_seconds(10**9) == 60
    assert wait_seconds(5, wait_seconds_max=1.0) == 1.0


def test_a_part_that_dies_again_and_again_waits_longer_each_time():
    known, now, waits = Standing(), 1_000.0, []
    for _ in range(4):
        known = standing.died(known, now, 70)
        waits.append(known.next_try_at - now)
        known = standing.lives(standing.started(known), now)
        now += 1.0

    assert waits == [0, 1, 2, 4]
    assert (known.restarts, known.exit_status) == (4, 70)


def test_a_part_that_lived_for_long_has_made_up_for_its_failures():
    known = Standing()
    for at in (0.0, 1.0, 2.0):
        known = standing.lives(standing.started(standing.died(known, at, 1)), at)
    known = standing.lives(known, 2.0 + standing.CALM_SECONDS)

    assert standing.died(known, 100.0, 1).next_try_at == 100.0


def test_a_status_says_how_often_how_it_ended_and_when_it_is_tried_again():
    known = Standing(restarts=3, failures=4, ended_at=0.0, exit_status=-9, next_try_at=86_400.0)
    died = PartStatus(name="worker", state=State.DIED, detail="it said last: x")
    said = standing.with_standing(died, known, 1_000.0)

    assert said.detail.startswith("it said last: x; restarts: 3; ended by signal 9; next try at ")
    assert (said.restarts, said.last_exit_status, said.next_try_at) == (3, -9, 87_400.0)
    assert "supervisor" in said.remedy
    assert standing.with_standing(died, None, 0.0) == died
    ready = standing.with_standing(PartStatus(name="worker", state=State.READY), known, 0.0)
    assert "next try" not in ready.detail


def test_a_book_that_is_damaged_says_nothing(tmp_path):
    (tmp_path / book.SUPERVISOR).mkdir()
    book.write(tmp_path, {"worker": Standing(restarts=1)})
    assert book.read(tmp_path) == {"worker": Standing(restarts=1)}

    for damage in ("", "{", "[]", '{"worker": {"restarts": "x"}}'):
        (tmp_path / book.SUPERVISOR / "standings.json").write_text(damage)
        assert book.read(tmp_path) == {}


# Real processes: a program of ours that is ready as soon as it runs.

_READY = """
import http.server, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""


@pytest.fixture
def instance(tmp_path):
    stack = Stack(tmp_path / "instance")
    stack.folder.mkdir()
    yield stack
    stack.stop()


def ready_service(stack: Stack, name: str = "small", code: str = _READY) -> services.Service:
    port = stack.ports.port(name)
    service = services.Service(
        name=name,
        argv=(sys.executable, "-c", code, str(port)),
        port=port,
        ready_url=f"http://127.0.0.1:{port}/readyz",
    )
    service.save(stack.folder)
    return service


def pid_of(stack: Stack, name: str = "small") -> int | None:
    return stack.part_status(name).pid


@pytest.fixture
def supervised(instance):
    supervisor = Supervisor(instance)
    supervisor.start()
    yield supervisor
    supervisor.stop()


def test_what_was_killed_is_started_again(instance, supervised):
    ready_service(instance)
    instance.start_part("small")
    before = pid_of(instance)
    instance.kill("small")

    until(lambda: instance.part_status("small").state == State.READY)
    assert pid_of(instance) != before


def test_what_was_stopped_stays_down(instance, supervised):
    for name in ("small", "other"):
        ready_service(instance, name)
        instance.start_part(name)
    other = pid_of(instance, "other")
    instance.stop_part("small")
    instance.kill("other")

    # By the time that the other one runs again, this one would have been seen too.
    until(lambda: pid_of(instance, "other") not in (None, other))
    assert instance.part_status("small").state == State.STOPPED


def test_what_is_held_stays_down_until_it_is_released(instance, supervised):
    for name in ("small", "other"):
        ready_service(instance, name)
        instance.start_part(name)
    other = pid_of(instance, "other")
    supervised.hold("small")
    instance.kill("small")
    instance.kill("other")
    until(lambda: pid_of(instance, "other") not in (None, other))

    assert instance.part_status("small").state == State.DIED
    supervised.release("small")
    until(lambda: instance.part_status("small").state == State.READY)


def test_one_that_ends_at_once_is_tried_again_and_again_with_its_status(instance):
    seen = []
    supervisor = Supervisor(instance, on_change=seen.append, wait_seconds_max=0.1)
    ready_service(instance, code="raise SystemExit(70)")
    with pytest.raises(UserError, match="ended while it was starting"):
        instance.start_part("small")
    supervisor.start()
    try:
        until(lambda: any(one["small"].restarts >= 3 for one in seen))
    finally:
        supervisor.stop()

    assert seen[-1]["small"].exit_status == 70


def test_two_who_start_a_part_at_once_start_one(instance):
    ready_service(instance)
    threads = [threading.Thread(target=instance.start_part, args=("small",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_SECONDS)

    assert len(list(process.marked(str(instance.folder)))) == 1


# The process that `chatlog up` leaves.


@pytest.fixture
def living(instance):
    life.ensure(instance.folder, instance.jars, quick=True)
    yield until(lambda: orders.supervisor_of(instance.folder))
    life.end(instance.folder)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_the_supervisor_is_the_parent_of_what_a_command_starts(instance, living):
    ready_service(instance)
    instance.start_part("small")

    assert parent_of(pid_of(instance)) == living.pid
    assert not list(instance.folder.glob("*/order.*"))


def test_it_says_how_a_part_ended_and_that_it_was_started_again(instance, living):
    ready_service(instance)
    instance.start_part("small")
    os.kill(pid_of(instance), signal.SIGKILL)
    until(lambda: book.read(instance.folder).get("small", Standing()).restarts == 1)
    until(lambda: instance.part_status("small").state == State.READY)
    (status,) = [one for one in instance.status() if one.name == "small"]

    assert (status.restarts, status.last_exit_status) == (1, -9)
    assert "ended by signal 9" in status.detail
    assert [one.state for one in instance.status() if one.name == book.SUPERVISOR] == [State.READY]
    log = (instance.folder / book.SUPERVISOR / "service.log").read_text().splitlines()
    said = [json.loads(line) for line in log if line.startswith("{")]
    assert [one["event"] for one in said] == [
        "a part was started",
        "a part has died",
        "a part is started again",
    ]


def test_nothing_comes_back_after_the_stop_of_everything(instance, living):
    ready_service(instance)
    instance.start_part("small")
    instance.stop()

    assert not list(process.marked(str(instance.folder)))


def test_a_supervisor_that_was_killed_is_said_to_be_dead_and_comes_back(instance, living):
    process.end(living, grace_seconds=0)
    (status,) = life.status(instance.folder)
    ready_service(instance)
    instance.start_part("small")

    assert status.state == State.DIED
    assert pid_of(instance) is not None, "without it a command starts the part itself"
    life.ensure(instance.folder, instance.jars, quick=True)
    assert until(lambda: orders.supervisor_of(instance.folder)) != living


def test_it_ends_by_itself_when_its_instance_is_gone(instance, living):
    instance.pid_file(book.SUPERVISOR).unlink()

    until(lambda: not process.is_alive(living))


def test_one_that_is_about_to_end_is_started_anew(instance):
    """As a large process that was killed a moment ago and still holds its memory."""
    service = ready_service(instance, code="import time; time.sleep(0.5)")
    record = process.spawn(
        service.argv,
        environment=os.environ,
        folder=instance.folder / "small",
        log_file=instance.folder / "small" / "service.log",
        pid_file=instance.pid_file("small"),
        marker=str(instance.folder),
    )
    ready_service(instance)
    instance.start_part("small")

    assert instance.part_status("small").state == State.READY
    assert pid_of(instance) != record.pid
