"""Three real brokers: what dies with one of them, what dies with two, and what does not."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

import pytest
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from events.topics import SUBMISSIONS, TOPICS
from infra import topics
from infra.settings import KafkaSettings
from infra.stack import artifacts
from infra.stack.doctor import examine
from infra.stack.leaders import in_sync, leader_of
from infra.stack.part import State
from infra.stack.stack import Stack
from tests.live import kafka_of, records

TOPIC, PARTITION = SUBMISSIONS.name, 0


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The brokers of an instance and nothing else, with the topics applied."""
    with ExitStack() as cleanup:
        stack = Stack(tmp_path_factory.mktemp("three") / "instance", brokers=3, quick=True)
        cleanup.callback(stack.wipe)
        previous = signal.signal(signal.SIGTERM, lambda *_: pytest.exit("SIGTERM", returncode=143))
        cleanup.callback(signal.signal, signal.SIGTERM, previous)
        artifacts.ensure(stack.jars)
        stack.start_parts(*stack.broker_names())
        topics.apply(kafka(stack))
        yield stack


def kafka(stack: Stack) -> KafkaSettings:
    return kafka_of(stack)


def wait(holds: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def all_in_sync(stack: Stack) -> bool:
    return set(in_sync(kafka(stack), TOPIC).values()) == {3}


class Writer:
    """Writes 0, 1, 2, … to one partition until it is stopped, and notes what was confirmed."""

    def __init__(self, stack: Stack, message_timeout_ms: int = 120_000) -> None:
        self.confirmed: list[tuple[int, int, float]] = []
        """Number, offset, and when."""
        self.failed: list[KafkaError] = []
        self._stop = Event()
        self._producer = Producer(
            {
                **kafka(stack).connection(),
                "enable.idempotence": True,
                "acks": "all",
                "message.timeout.ms": message_timeout_ms,
                "log_level": 0,
            }
        )
        self._thread = Thread(target=self._write)

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._producer.flush(120)

    def _write(self) -> None:
        number = 0
        while not self._stop.is_set():
            self._producer.produce(TOPIC, b"%d" % number, partition=PARTITION, callback=self._told)
            self._producer.poll(0.002)
            number += 1

    def _told(self, error: KafkaError | None, record: Message) -> None:
        if error is not None:
            self.failed.append(error)
        else:
            value, offset = record.value(), record.offset()
            assert value is not None
            assert offset is not None
            self.confirmed.append((int(value), offset, time.monotonic()))


def test_every_topic_has_three_copies_two_of_which_must_hold_a_record(three):
    admin = AdminClient(kafka(three).connection())
    metadata = admin.list_topics(timeout=60).topics
    resources = [ConfigResource(ResourceType.TOPIC, topic.name) for topic in TOPICS]
    described = admin.describe_configs(resources)

    for topic, resource in zip(TOPICS, resources, strict=True):
        copies = {len(part.replicas) for part in metadata[topic.name].partitions.values()}
        config = described[resource].result(10)
        assert copies == {3}, topic.name
        assert config["min.insync.replicas"].value == "2"
        assert config["unclean.leader.election.enable"].value == "false"


def test_applying_twice_or_with_a_setting_that_asks_for_less_changes_nothing(three):
    assert topics.apply(kafka(three)).changed == {}
    assert topics.apply(kafka_of(three)).changed == {}


def test_the_leader_dies_and_every_confirmed_record_is_there_once_and_in_order(three):
    begin = len(records(three, TOPIC, PARTITION))
    leader = leader_of(kafka(three), TOPIC, PARTITION)
    with Writer(three) as writer:
        wait(lambda: len(writer.confirmed) >= 200, "200 records are confirmed")
        three.kill(leader)
        killed = time.monotonic()
        wait(lambda: writer.confirmed[-1][2] > killed + 0.1, "another leader confirms")
        assert leader_of(kafka(three), TOPIC, PARTITION) != leader
        first = next(at for _, _, at in writer.confirmed if at > killed + 0.1)
        print(f"\nfrom SIGKILL to the first confirmed record: {first - killed:.2f} s")
        three.start_part(leader)
        wait(lambda: all_in_sync(three), "all copies are in sync")
    found = [int(record.value()) for record in records(three, TOPIC, PARTITION, begin)]

    assert writer.failed == []
    assert found == list(range(len(found))), "each once and in order"
    assert [(number, begin + number) for number in found] == [
        (number, offset) for number, offset, _ in sorted(writer.confirmed)
    ], "each where it was confirmed"


def test_without_two_of_three_nothing_is_confirmed_and_with_them_it_goes_on(three):
    leader = leader_of(kafka(three), TOPIC, PARTITION)
    others = [name for name in three.broker_names() if name != leader]
    begin = len(records(three, TOPIC, PARTITION))
    for name in others:
        three.kill(name)
    with Writer(three, message_timeout_ms=2_000) as alone:
        wait(lambda: alone.failed, "a record is refused")
    died = {finding.subject for finding in examine(three) if finding.code == "part_died"}
    three.start_parts(*others)
    wait(lambda: all_in_sync(three), "all copies are in sync")
    with Writer(three) as together:
        wait(lambda: len(together.confirmed) >= 100, "records are confirmed again")

    assert alone.confirmed == []
    assert {error.code() for error in alone.failed} == {KafkaError._MSG_TIMED_OUT}
    assert died == set(others)
    assert together.failed == []
    tail = [int(record.value()) for record in records(three, TOPIC, PARTITION, begin)]
    assert tail[-len(together.confirmed) :] == [number for number, _, _ in together.confirmed]


def test_another_command_sees_all_three(three):
    other = Stack(three.folder)
    states = {status.name: status.state for status in other.status()}

    assert {states[name] for name in three.broker_names()} == {State.READY}
    assert all(finding.ok for finding in examine(other) if finding.subject.startswith("kafka"))


def in_sync_min(stack: Stack, value: str) -> None:
    entry = ConfigEntry("min.insync.replicas", value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=[entry])
    admin = AdminClient(kafka(stack).connection())  # an answer needs it to be there
    admin.incremental_alter_configs([resource])[resource].result(60)


def test_the_doctor_warns_of_a_topic_that_one_broker_stops(three):
    """The apply step lowers nothing, and no promise is broken."""

    def said():
        found = [one for one in examine(three) if one.subject == f"topic {TOPIC}"]
        assert all(one.ok and one.is_warning for one in found)
        return [(one.code, one.remedy) for one in found]

    before = said()
    in_sync_min(three, "3")
    try:
        wait(said, "a warning")
        assert topics.apply(kafka(three)).changed == {}
        assert said() == [
            ("no_spare_copy", "Set it to 2 with Kafka's kafka-configs, or add a copy.")
        ]
        three.kill("kafka")
        wait(said, "a warning, whichever of the brokers answers")
    finally:
        three.start_parts("kafka")
        in_sync_min(three, "2")
    wait(lambda: all_in_sync(three) and not said(), "no warning")
    assert before == []


def test_the_registrys_schemas_survive_the_loss_of_a_broker(three):
    three.start_part("registry")
    admin = AdminClient(kafka(three).connection())
    journal = admin.list_topics("kafkasql-journal", timeout=60).topics["kafkasql-journal"]
    resource = ConfigResource(ResourceType.TOPIC, "kafkasql-journal")
    config = admin.describe_configs([resource])[resource].result(10)
    three.stop_part("registry")

    assert {len(part.replicas) for part in journal.partitions.values()} == {3}
    assert config["min.insync.replicas"].value == "2"


def test_three_brokers_stay_under_a_gibibyte_and_a_half(three):
    held = {status.name: status.resident_bytes >> 20 for status in three.status() if status.pid}
    print(f"\nresident, MiB: {held}")

    assert sum(held.values()) < 1_536
    assert not Path(three.folder / "cassandra" / "pid.json").exists()
