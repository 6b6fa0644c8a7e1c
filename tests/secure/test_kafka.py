"""Who may do what with the log: every pair is tried, those that are allowed and those that are not.

The rights are written down here once more, by hand: what is derived in `infra.access` must come
to the same.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future
from functools import cached_property

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from events.topics import GROUPS, TOPICS
from infra import acls
from infra.access import BROKER, COMPONENTS, EDGE, OPERATOR, REGISTRY
from infra.errors import UserError
from infra.settings import KafkaSettings
from infra.stack import locks
from infra.stack.stack import Stack
from infra.stack.vault import Vault
from tests.live import kafka_of

GATEWAY = "edge-gateway-1"
PRINCIPALS = (GATEWAY, REGISTRY, *GROUPS)
DELIVERIES = ("chat.deliveries.gateway-1", "chat.deliveries.gateway-2")
NAMES = (*(topic.name for topic in TOPICS), *DELIVERIES)

WRITES: dict[str, set[str]] = {
    REGISTRY: set(),
    GATEWAY: {"chat.submissions", "chat.sessions", "chat.queries", "chat.gateways"},
    "admission": {"chat.conversations", "chat.receipts", "admission.dead"},
    "fanout": {*DELIVERIES, "fanout.dead"},
    "history": {"history.dead"},
    "receipts": {"receipts.dead"},
    "sessions": {*DELIVERIES, "sessions.dead"},
    "queries": {*DELIVERIES, "queries.dead"},
    "snapshots": {"chat.snapshots", "snapshots.dead"},
}
READS: dict[str, set[str]] = {
    REGISTRY: set(),
    GATEWAY: {"chat.deliveries.gateway-1"},
    "admission": {"chat.submissions", "chat.conversations", "chat.receipts", "chat.snapshots"},
    "fanout": {"chat.conversations", "chat.receipts"},
    "history": {"chat.conversations"},
    "receipts": {"chat.receipts"},
    "sessions": {"chat.sessions", "chat.gateways"},
    "queries": {"chat.queries"},
    "snapshots": {"chat.conversations", "chat.receipts", "chat.snapshots"},
}
TOPIC_DENIED = KafkaError.TOPIC_AUTHORIZATION_FAILED
GROUP_DENIED = KafkaError.GROUP_AUTHORIZATION_FAILED


def code_of(answers: dict[str, "Future[ConsumerGroupTopicPartitions]"]) -> int | None:
    (answer,) = answers.values()
    try:
        found = answer.result(25)
    except KafkaException as error:
        return error.args[0].code()
    codes = {place.error.code() for place in found.topic_partitions or () if place.error}
    # A group with members takes it from them only, which is said to who has the right to ask.
    return min(codes - {KafkaError.UNKNOWN_MEMBER_ID}, default=None)


def described(client: Producer | Consumer, topic: str) -> int | None:
    """The error of asking for the topic's partitions."""
    error = client.list_topics(topic, timeout=60).topics[topic].error
    return None if error is None else error.code()


class Somebody:
    """The clients of one principal, made when they are needed and used for many questions."""

    def __init__(self, kafka: KafkaSettings, name: str) -> None:
        self.kafka = kafka
        self.name = name

    @cached_property
    def producer(self) -> Producer:
        return Producer({**self.kafka.connection(), "message.timeout.ms": 60_000, "log_level": 0})

    @cached_property
    def consumer(self) -> Consumer:
        return Consumer(
            {
                **self.kafka.connection(),
                "group.id": self.name,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
                "log_level": 0,
            }
        )

    def write(self, topic: str) -> int | None:
        """The error of writing a record that is no event; None when it was taken."""
        # librdkafka may take a topic that is not even described for one that does not exist.
        if (error := described(self.producer, topic)) is not None:
            return error
        outcomes: list[KafkaError | None] = []

        def reported(error: KafkaError | None, record: Message) -> None:
            outcomes.append(error)

        self.producer.produce(topic, b"no event", b"key", partition=0, on_delivery=reported)
        self.producer.flush(20)
        (outcome,) = outcomes
        return None if outcome is None else outcome.code()

    def read(self, topic: str) -> int | None:
        """The error of reading a partition; None when a record or its end came."""
        # Of a topic that is not even described librdkafka waits for a leader, without a word.
        if (error := described(self.consumer, topic)) is not None:
            return error
        self.consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        try:
            record = self.consumer.poll(20)
        finally:
            self.consumer.unassign()
        assert record is not None, "no answer"
        found = record.error()
        return None if found is None or found.code() == KafkaError._PARTITION_EOF else found.code()

    @cached_property
    def admin(self) -> AdminClient:
        return AdminClient({**self.kafka.connection(), "log_level": 0})

    def commit(self, group: str, topic: str) -> int | None:
        """The error of saying how far a group has come; None when it was taken."""
        offsets = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 0)])
        return code_of(self.admin.alter_consumer_group_offsets([offsets], request_timeout=60))

    def ask(self, group: str) -> int | None:
        """The error of asking how far a group has come; None when it was said."""
        asked = ConsumerGroupTopicPartitions(group)
        return code_of(self.admin.list_consumer_group_offsets([asked], request_timeout=60))

    def close(self) -> None:
        if "consumer" in self.__dict__:
            self.consumer.close()


def kafka_as(stack: Stack, name: str) -> KafkaSettings:
    """How a principal reaches Kafka; the registry is no program of ours, but has a password."""
    if name != REGISTRY:
        return kafka_of(stack, name)
    password = Vault(stack.folder).password(REGISTRY)
    return kafka_of(stack).model_copy(update={"username": REGISTRY, "password": password})


class People(dict[str, Somebody]):
    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self._stack = stack

    def __missing__(self, name: str) -> Somebody:
        self[name] = Somebody(kafka_as(self._stack, name), name)
        return self[name]


@pytest.fixture(scope="module")
def people(stack: Stack) -> Iterator[People]:
    people = People(stack)
    yield people
    for somebody in people.values():
        somebody.close()


@pytest.mark.parametrize("topic", NAMES)
@pytest.mark.parametrize("name", PRINCIPALS)
def test_who_writes(people: People, name: str, topic: str) -> None:
    assert people[name].write(topic) == (None if topic in WRITES[name] else TOPIC_DENIED)


@pytest.mark.parametrize("topic", NAMES)
@pytest.mark.parametrize("name", PRINCIPALS)
def test_who_reads(people: People, name: str, topic: str) -> None:
    assert people[name].read(topic) == (None if topic in READS[name] else TOPIC_DENIED)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("name", PRINCIPALS)
def test_who_says_how_far_a_group_has_come(people: People, name: str, group: str) -> None:
    topic = min(READS[name], default="chat.submissions")
    assert people[name].commit(group, topic) == (None if group == name else GROUP_DENIED)


def test_every_topic_has_a_writer_and_what_is_no_dead_letter_a_reader() -> None:
    for name in NAMES:
        assert any(name in topics for topics in WRITES.values()), name
        is_read = any(name in topics for topics in READS.values())
        assert is_read == (not name.endswith(".dead") and name != DELIVERIES[1]), name


def test_what_the_cluster_allows_is_what_is_written_down(stack: Stack) -> None:
    kafka = kafka_of(stack)
    assert acls.apply(kafka.connection(), PRINCIPALS) == acls.AclChanges(0, 0)


def test_a_right_too_much_is_taken_and_one_that_is_missing_is_given(stack: Stack) -> None:
    kafka = kafka_of(stack)
    admin = AdminClient(kafka.connection())
    extra = acls._binding(
        "history", acls.Grant(acls.Operation.WRITE, acls.Resource.TOPIC, "chat.conversations")
    )
    admin.create_acls([extra])[extra].result(10)
    somebody = Somebody(kafka_of(stack, "history"), "history")

    assert acls.apply(kafka.connection(), ["history"]) == acls.AclChanges(0, 1)
    assert somebody.write("chat.conversations") == TOPIC_DENIED


def denied(action: object) -> int:
    with pytest.raises(KafkaException) as refused:
        action.result(15)  # type: ignore[attr-defined]
    return refused.value.args[0].code()


@pytest.mark.parametrize("name", PRINCIPALS)
def test_nobody_makes_or_deletes_a_topic_of_others(stack: Stack, name: str) -> None:
    admin = AdminClient({**kafka_as(stack, name).connection(), "log_level": 0})
    made = admin.create_topics([NewTopic("chat.more", 1)])["chat.more"]
    deleted = admin.delete_topics(["chat.conversations"])["chat.conversations"]
    assert (denied(made), denied(deleted)) == (TOPIC_DENIED, TOPIC_DENIED)


@pytest.mark.parametrize("name", PRINCIPALS)
def test_nobody_gives_rights(stack: Stack, name: str) -> None:
    with pytest.raises(UserError) as refused:
        acls.apply(kafka_as(stack, name).connection(), [name])
    assert refused.value.code == "acls_failed"


@pytest.mark.parametrize("name", PRINCIPALS)
def test_nobody_changes_the_settings_of_others_topics_or_a_password(
    stack: Stack, name: str
) -> None:
    admin = AdminClient({**kafka_as(stack, name).connection(), "log_level": 0})
    entry = ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(
        ConfigResource.Type.TOPIC, "chat.conversations", incremental_configs=[entry]
    )
    (changed,) = admin.incremental_alter_configs([topic]).values()
    assert denied(changed) == TOPIC_DENIED
    stolen = UserScramCredentialUpsertion(
        OPERATOR, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4_096), b"stolen"
    )
    (changed,) = admin.alter_user_scram_credentials([stolen]).values()
    assert denied(changed) == KafkaError.CLUSTER_AUTHORIZATION_FAILED


def test_a_gateway_does_not_say_how_far_another_has_come(people: People) -> None:
    topic = min(READS[GATEWAY])
    assert people[GATEWAY].commit("edge-gateway-2", topic) == GROUP_DENIED


def test_a_gateway_makes_its_own_topic_and_no_others(stack: Stack) -> None:
    stack.admit("edge-gateway-9")
    admin = AdminClient({**kafka_of(stack, "edge-gateway-9").connection(), "log_level": 0})
    own, other = "chat.deliveries.gateway-9", "chat.deliveries.gateway-99"
    admin.create_topics([NewTopic(own, 1)])[own].result(15)
    assert denied(admin.create_topics([NewTopic(other, 1)])[other]) == TOPIC_DENIED


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("name", PRINCIPALS)
def test_who_asks_how_far_a_group_has_come(people: People, name: str, group: str) -> None:
    """Sessions and queries wait for history."""
    allowed = group == name or (name, group) in {("sessions", "history"), ("queries", "history")}
    assert people[name].ask(group) == (None if allowed else GROUP_DENIED)


REFUSED = {KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._ALL_BROKERS_DOWN}


def answers(connection: dict[str, object]) -> tuple[bool, set[int]]:
    """Whether a cluster answers such a client, and what kept it from that."""
    errors: set[int] = set()
    admin = AdminClient(
        {**connection, "error_cb": lambda error: errors.add(error.code()), "log_level": 0}
    )
    give_up_at = time.monotonic() + 60
    while not errors & REFUSED and time.monotonic() < give_up_at:
        try:
            admin.list_topics(timeout=0.5)
        except KafkaException:
            admin.poll(0.1)
        else:
            return True, errors
    return False, errors


def test_who_has_no_name_or_another_password_is_not_let_in(stack: Stack) -> None:
    good = kafka_of(stack, "history").connection()
    anonymous = {key: good[key] for key in ("bootstrap.servers", "ssl.ca.location")}

    assert answers(good) == (True, set())
    assert not answers({**anonymous, "security.protocol": "ssl"})[0]
    for wrong in ({"sasl.password": "guessed"}, {"sasl.username": "nobody"}):
        let_in, errors = answers({**good, **wrong})
        assert not let_in
        assert KafkaError._AUTHENTICATION in errors
    wrong_mechanism = {**good, "sasl.mechanism": "PLAIN"}
    assert not answers(wrong_mechanism)[0]


@pytest.mark.parametrize("listener", ["kafka", "kafka.internal", "kafka.controller"])
def test_no_listener_takes_plain_text(stack: Stack, listener: str) -> None:
    address = f"127.0.0.1:{stack.ports.port(listener)}"
    assert not answers({"bootstrap.servers": address})[0]


def with_certificate(stack: Stack, part: str) -> dict[str, object]:
    """How one comes to the brokers' own listener with the certificate of a part."""
    vault = Vault(stack.folder)
    certificate = str(vault.certificate(part))
    return {
        **locks.as_broker(vault),
        "bootstrap.servers": f"127.0.0.1:{stack.ports.port('kafka.internal')}",
        "ssl.certificate.location": certificate,
        "ssl.key.location": certificate,
    }


def test_brokers_know_each_other_by_certificate(stack: Stack) -> None:
    broker = with_certificate(stack, BROKER)
    without = {key: value for key, value in broker.items() if "certificate" not in key}
    without.pop("ssl.key.location")

    assert answers(broker)[0]
    assert not answers(without)[0]
    assert AdminClient(broker).list_topics(timeout=60).topics


@pytest.mark.parametrize("part", [GATEWAY, "redis", "registry", "nginx"])
def test_the_certificate_of_another_part_lets_nobody_in(stack: Stack, part: str) -> None:
    assert not answers(with_certificate(stack, part))[0]


def test_the_certificate_of_another_part_nodes_gives_no_rights(stack: Stack) -> None:
    cassandra = with_certificate(stack, "cassandra")
    assert answers(cassandra)[0]
    assert not AdminClient(cassandra).list_topics(timeout=60).topics


def test_every_worker_role_has_rights_of_its_own() -> None:
    assert set(COMPONENTS) == {EDGE, *GROUPS}
