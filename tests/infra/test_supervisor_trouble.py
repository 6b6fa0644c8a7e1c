"""The supervisor on a full disk, with damaged files, and with orders that cannot be carried out."""

import json
import os
import resource
import subprocess
import sys

import pytest

from infra.errors import UserError
from infra.files import read_note, write_note
from infra.stack import cluster, process, services
from infra.stack.part import State
from infra.stack.supervisor import book, life, orders
from tests.infra.test_supervisor import instance, living, pid_of, ready_service, until  # noqa: F401


def supervisor_status(stack):
    return next(one for one in life.status(stack.folder) if one.name == book.SUPERVISOR)


def log_of(stack) -> list[dict]:
    lines = (stack.folder / book.SUPERVISOR / "service.log").read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.fixture
def no_room(living):  # noqa: F811
    """The limit of the supervisor's files is 0: every write of it fails, as on a full disk."""
    _, hard = resource.prlimit(living.pid, resource.RLIMIT_FSIZE)

    def take(is_full: bool) -> None:
        limit = 0 if is_full else hard
        resource.prlimit(living.pid, resource.RLIMIT_FSIZE, (limit, hard))

    return take


def test_a_supervisor_on_a_full_disk_goes_on_when_there_is_room_again(instance, living, no_room):  # noqa: F811
    ready_service(instance)
    instance.start_part("small")
    no_room(True)
    instance.kill("small")
    until(lambda: supervisor_status(instance).state == State.HALTED)

    assert "File too large" in supervisor_status(instance).detail
    no_room(False)
    until(lambda: instance.part_status("small").state == State.READY)
    until(lambda: supervisor_status(instance).state == State.READY)
    assert process.is_alive(living)
    assert book.read(instance.folder)["small"].restarts >= 1


def test_an_order_on_a_full_disk_fails_with_a_sentence_and_leaves_nothing(
    instance,  # noqa: F811
    living,  # noqa: F811
    no_room,
):
    ready_service(instance)
    no_room(True)
    with pytest.raises(UserError) as caught:
        instance.start_part("small")

    assert caught.value.code == "not_started"
    assert "File too large" in caught.value.sentence
    assert "File too large" in instance.part_status("small").detail
    assert [one.pid for one in process.marked(str(instance.folder))] == [living.pid]
    no_room(False)
    instance.start_part("small")
    assert instance.part_status("small").state == State.READY


def test_an_order_that_cannot_be_carried_out_says_so_at_once_and_in_the_log(instance, living):  # noqa: F811
    service = ready_service(instance)
    folder = instance.folder / "small"
    order = orders.Order(
        argv=("/nonexistent/java",),
        environment={},
        folder=str(folder),
        log_file=str(folder / "service.log"),
        marker=str(instance.folder),
    )
    with pytest.raises(UserError, match="small could not be started: No such file or directory"):
        orders.give(order)

    assert "No such file" in instance.part_status("small").detail
    assert [one["part"] for one in log_of(instance) if one["event"] == "an order failed"] == [
        service.name
    ]
    instance.start_part("small")
    assert "No such file" not in instance.part_status("small").detail


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"folder": "x"}', '{"argv": 1}'])
def test_an_order_that_is_damaged_is_no_end_of_the_supervisor(instance, living, damage):  # noqa: F811
    ready_service(instance)
    (instance.folder / "small" / "order.json").write_text(damage)
    until(lambda: orders.failure(instance.folder / "small"))
    instance.start_part("small")

    assert process.is_alive(living)
    assert pid_of(instance) is not None


def test_an_order_that_cannot_be_taken_is_told_once_and_others_are_carried_out(instance, living):  # noqa: F811
    """Its folder cannot be renamed into, whatever the rights of the user are."""
    for name in ("small", "other"):
        ready_service(instance, name)
    stuck = instance.folder / "small"
    (stuck / "order.taken").mkdir(parents=True)
    (stuck / "order.json").write_text("{}")
    until(lambda: orders.failure(stuck))
    assert "Is a directory" in orders.failure(stuck)
    for _ in range(3):  # each is found by a look at all orders, the one that is stuck among them
        instance.start_part("other")
        instance.stop_part("other")

    told = [one for one in log_of(instance) if one["event"] == "an order failed"]
    assert [one["part"] for one in told] == ["small"]
    with pytest.raises(UserError, match="small could not be started: Is a directory"):
        instance.start_part("small")
    assert not (stuck / "order.json").exists()
    (stuck / "order.taken").rmdir()
    instance.start_part("small")
    assert instance.part_status("small").state == State.READY


DAMAGES = {
    "cut": '{"name": "sma',
    "empty": "",
    "a list": "[]",
    "of another": '{"name": "x", "argv": [], "port": 1, "ready_url": ""}',
    "no argv": '{"name": "broken", "port": 1, "ready_url": ""}',
    "another form": '{"name": "broken", "argv": {"file": "x"}, "port": 1, "ready_url": ""}',
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_service_file_stops_nothing_else(instance, living, damage):  # noqa: F811
    for name in ("broken", "small"):
        ready_service(instance, name)
        instance.start_part(name)
    (instance.folder / "broken" / services.FILE_NAME).write_text(damage)
    before = pid_of(instance, "small")
    instance.kill("small")
    until(lambda: pid_of(instance, "small") not in (None, before))

    (said,) = [one for one in instance.status() if one.name == "broken"]
    assert said.state == State.SILENT
    assert services.FILE_NAME in said.detail
    assert process.is_alive(living)
    instance.kill("broken")
    until(lambda: any(one["event"] == "a part did not start" for one in log_of(instance)))
    ready_service(instance, "broken")
    until(lambda: instance.part_status("broken").state == State.READY)

    (instance.folder / "broken" / services.FILE_NAME).write_text(damage)
    instance.stop()
    assert not list(process.marked(str(instance.folder)))
    assert services.service_names(instance.folder) == []


def test_files_of_a_newer_release_are_read_as_far_as_they_are_understood(instance):  # noqa: F811
    ready_service(instance)
    instance.start_part("small")
    for name in (services.FILE_NAME, "pid.json"):
        file = instance.folder / "small" / name
        file.write_text(json.dumps({**json.loads(file.read_text()), "of_a_newer_release": [1]}))
    cluster.decide(instance.folder, 3)
    file = instance.folder / cluster.FILE_NAME
    file.write_text(json.dumps({**json.loads(file.read_text()), "racks": 3}))
    (instance.folder / book.SUPERVISOR).mkdir()
    (instance.folder / book.SUPERVISOR / "standings.json").write_text(
        '{"small": {"restarts": 2, "colour": "red"}}'
    )

    assert instance.part_status("small").state == State.READY
    assert instance.brokers == 3
    assert book.read(instance.folder)["small"].restarts == 2
    instance.stop()
    assert not list(process.marked(str(instance.folder)))


def test_a_damaged_cluster_file_is_read_from_the_data(tmp_path):
    known = cluster.decide(tmp_path, 3)
    for name in cluster.broker_names(3):
        (tmp_path / name / "data").mkdir(parents=True)
        (tmp_path / name / "data" / "meta.properties").write_text(f"cluster.id={known.id}\n")
    (tmp_path / cluster.FILE_NAME).write_text("{")

    assert cluster.remembered(tmp_path) == known


def test_a_note_needs_no_room_and_is_cut(tmp_path):
    write_note(tmp_path / "note", "first")
    write_note(tmp_path / "note", "No space left on device: " + "x" * 500)

    assert read_note(tmp_path / "note").startswith("No space left on device: xxx")
    assert len(os.readlink(tmp_path / "note")) < 60
    assert read_note(tmp_path / "none") == ""
    assert [one.name for one in tmp_path.iterdir()] == ["note"]


@pytest.mark.parametrize("folder", ["x", "ü", "会", "𝄞"])
@pytest.mark.parametrize("shift", range(4))
def test_of_a_long_note_what_happened_and_the_file_stay(tmp_path, folder, shift):
    path = f"/srv/{'a' * shift}{folder * 100}/local/kafka/order.json"
    write_note(tmp_path / "note", f"Permission denied: {path}")
    said = read_note(tmp_path / "note")

    assert said.startswith("Permission denied: /srv/")
    assert "…" in said
    assert said.endswith("/local/kafka/order.json")
    assert "\ufffd" not in said, "no character is cut"
    assert len(os.readlink(tmp_path / "note").encode()) < 60


def test_a_log_that_cannot_be_written_ends_no_program():
    program = (
        "from infra.logs import set_up_logs\n"
        "import structlog\n"
        "set_up_logs('any')\n"
        "structlog.get_logger().warning('lost')\n"
        "print('goes on')\n"
    )
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, check=False
        )

    assert done.stdout == b"goes on\n"
