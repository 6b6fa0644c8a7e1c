"""How many brokers an instance has, and what three are told; no server is needed."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from events.topics import SUBMISSIONS
from infra.errors import UserError
from infra.stack.cluster import Cluster, decide, remembered
from infra.stack.kafka import settings
from infra.stack.part import State
from infra.stack.ports import PortBook
from infra.stack.stack import Stack
from infra.topics import config_of, in_sync_min

OTHERS = ["registry", "cassandra", "redis"]


def with_data(folder: Path, part: str) -> None:
    """As after storage was formatted."""
    file = folder / part / "data" / "meta.properties"
    file.parent.mkdir(parents=True)
    file.write_text("cluster.id=c\n")


def test_another_command_knows_the_brokers_without_being_told(tmp_path):
    decide(tmp_path, 3)

    other = Stack(tmp_path)
    assert other.names() == ["kafka", "kafka-2", "kafka-3", *OTHERS]
    assert {status.name for status in other.status()} == set(other.names())


def test_an_instance_has_one_broker_unless_three_are_asked_for(tmp_path):
    assert Stack(tmp_path / "new").names() == ["kafka", *OTHERS]
    assert Stack(tmp_path / "new", brokers=3).names()[:3] == ["kafka", "kafka-2", "kafka-3"]
    assert not (tmp_path / "new").exists(), "asking decides nothing"


def test_all_who_decide_at_once_agree(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        decided = set(pool.map(lambda _: decide(tmp_path, 3), range(32)))

    assert decided == {remembered(tmp_path)}


def test_all_who_draw_ports_at_once_agree(tmp_path):
    names = ["kafka", "kafka-2", "kafka-3", "kafka.controller"] * 8
    with ThreadPoolExecutor(8) as pool:
        drawn = set(pool.map(lambda name: (name, PortBook(tmp_path / "p.json").port(name)), names))

    assert drawn == set(PortBook(tmp_path / "p.json").known().items())


@pytest.mark.parametrize(("had", "asked"), [(1, 3), (3, 1)])
def test_the_number_does_not_change_while_there_is_data(tmp_path, had, asked):
    decide(tmp_path, had)
    with_data(tmp_path, "kafka")
    with pytest.raises(UserError) as refused:
        Stack(tmp_path, brokers=asked).start()

    assert refused.value.code == "other_broker_count"
    assert remembered(tmp_path).brokers == had
    Stack(tmp_path, brokers=asked).wipe()
    assert decide(tmp_path, asked).brokers == asked, "a wipe forgets it"


def test_the_number_may_change_while_there_is_no_data(tmp_path):
    decide(tmp_path, 1)

    assert decide(tmp_path, 3).brokers == 3
    assert decide(tmp_path).brokers == 3


def test_an_instance_under_lock_stays_so(tmp_path):
    assert Stack(tmp_path, secure=True).secure
    decide(tmp_path, 1, True)
    with_data(tmp_path, "kafka")

    assert Stack(tmp_path).secure
    assert decide(tmp_path).secure
    with pytest.raises(UserError) as refused:
        decide(tmp_path, None, False)
    assert refused.value.code == "other_profile"
    Stack(tmp_path).wipe()
    assert not decide(tmp_path).secure, "a wipe forgets it"


def test_an_instance_older_than_the_file_has_one_broker(tmp_path):
    with_data(tmp_path, "kafka")

    assert Stack(tmp_path).brokers == 1
    with pytest.raises(UserError):
        decide(tmp_path, 3)


@pytest.mark.parametrize("damage", ["", "{", "[]", "7", '{"brokers": 3}'])
def test_a_damaged_file_is_no_file(tmp_path, damage):
    (tmp_path / "cluster.json").write_text(damage)

    assert remembered(tmp_path) is None


def test_two_brokers_are_refused(tmp_path):
    with pytest.raises(UserError) as refused:
        decide(tmp_path, 2)

    assert refused.value.code == "bad_broker_count"


def test_a_cluster_id_is_never_taken_for_an_option(tmp_path):
    ids = {decide(tmp_path / str(number)).id for number in range(64)}

    assert len(ids) == 64
    assert all(len(cluster_id) == 22 and cluster_id[0] == "c" for cluster_id in ids)


def test_programs_are_told_all_brokers(tmp_path):
    decide(tmp_path, 3)
    stack = Stack(tmp_path)
    ports = [stack.ports.port(name) for name in stack.broker_names()]
    environment = stack.environment()

    assert environment["CHAT_KAFKA_BOOTSTRAP"] == ",".join(f"127.0.0.1:{port}" for port in ports)
    assert environment["CHAT_KAFKA_REPLICATION_FACTOR"] == "3"
    assert Stack(tmp_path / "one").environment()["CHAT_KAFKA_REPLICATION_FACTOR"] == "1"
    assert stack.part("registry").needs == stack.broker_names()
    assert stack.part_status("kafka-3").state == State.STOPPED


def test_each_of_three_is_told_its_place_and_all_voters():
    given = [settings(Path("/data"), 10 + node, [21, 22, 23], node) for node in (1, 2, 3)]

    assert [values["node.id"] for values in given] == [1, 2, 3]
    assert {values["controller.quorum.voters"] for values in given} == {
        "1@127.0.0.1:21,2@127.0.0.1:22,3@127.0.0.1:23"
    }
    assert given[2]["listeners"] == "PLAINTEXT://127.0.0.1:13,CONTROLLER://127.0.0.1:23"


@pytest.mark.parametrize(("brokers", "in_sync"), [(1, 1), (3, 2)])
def test_everything_has_as_many_copies_as_there_are_brokers(brokers, in_sync):
    given = settings(Path("/data"), 1, range(2, 2 + brokers))
    factors = {name: value for name, value in given.items() if "replication.factor" in name}
    minimums = {name: value for name, value in given.items() if "min.i" in name}

    assert (len(factors), set(factors.values())) == (4, {brokers})
    assert (len(minimums), set(minimums.values())) == (3, {in_sync})
    assert given["unclean.leader.election.enable"] == "false"


def test_a_topic_says_itself_how_many_copies_must_hold_a_record():
    assert [in_sync_min(copies) for copies in (1, 2, 3)] == [1, 1, 2]
    assert config_of(SUBMISSIONS, 3)["min.insync.replicas"] == "2"
    assert config_of(SUBMISSIONS)["min.insync.replicas"] == "1"


def test_a_decision_is_a_value():
    assert Cluster(3, "c") == Cluster(3, "c")
