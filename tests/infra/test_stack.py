"""The real stack: what runs, what is broken on purpose, and what is said about it."""

import os
import signal
import socket

import pytest

from infra.errors import UserError
from infra.stack.doctor import examine
from infra.stack.part import State
from infra.stack.stack import Stack
from infra.stack.starting import require_disk

PARTS = ("kafka", "registry", "cassandra", "redis")


def pids(stack: Stack) -> dict[str, int | None]:
    return {status.name: status.pid for status in stack.status()}


def test_all_four_parts_answer(stack):
    states = {status.name: status.state for status in stack.status()}

    assert states.items() >= dict.fromkeys(PARTS, State.READY).items()


def test_all_four_parts_stay_under_three_gibibytes(stack):
    assert sum(status.resident_bytes for status in stack.status()) < 3 << 30


def test_starting_twice_is_harmless(stack):
    before = pids(stack)
    stack.start()

    assert pids(stack) == before


def test_a_killed_part_is_said_to_have_died_and_starts_again(stack):
    stack.kill("redis")
    status = stack.part_status("redis")
    findings = {finding.code: finding for finding in examine(stack)}

    assert status.state == State.DIED
    assert "said last" in status.detail
    assert status.remedy
    assert findings["part_died"].subject == "redis"
    stack.start_part("redis")
    assert stack.part_status("redis").state == State.READY


def test_a_paused_part_is_said_to_be_paused(stack):
    stack.pause("redis")
    state = stack.part_status("redis").state
    stack.resume("redis")

    assert state == State.PAUSED
    assert stack.part_status("redis").state == State.READY


def test_a_taken_port_is_named_with_its_holder_and_never_started_on(stack):
    stack.stop_part("redis")
    with socket.create_server(("127.0.0.1", stack.part("redis").port)):
        with pytest.raises(UserError) as refused:
            stack.start_part("redis")
        findings = {finding.code: finding for finding in examine(stack)}

    assert refused.value.code == "port_taken"
    assert f"process {os.getpid()}" in findings["port_taken"].sentence
    stack.start_part("redis")


def test_what_does_not_run_cannot_be_killed(stack):
    stack.stop_part("redis")
    with pytest.raises(UserError) as refused:
        stack.kill("redis")

    assert refused.value.code == "part_not_running"
    stack.start_part("redis")


def test_kafka_killed_and_started_again_answers(stack):
    """Its ports are free again, and the controller gives the broker its place back."""
    seen = []
    stack.kill("kafka")
    stack.start_part("kafka", seen.append)

    assert [status.state for status in seen] == [State.WAITING, State.STARTING, State.READY]


def test_an_instance_that_never_ran_is_stopped(tmp_path):
    assert {status.state for status in Stack(tmp_path / "none").status()} == {State.STOPPED}
    Stack(tmp_path / "none").stop()
    assert not (tmp_path / "none").exists()


def test_sigint_does_not_reach_the_parts(stack):
    """Each part leads a session of its own."""

    own = os.getsid(0)
    assert all(os.getsid(pid) == pid != own for pid in pids(stack).values() if pid)
    assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL


def test_a_disk_that_is_nearly_full_is_told_in_a_sentence(tmp_path):
    with pytest.raises(UserError) as refused:
        require_disk(tmp_path, bytes_min=1 << 60)

    assert refused.value.code == "disk_full"
