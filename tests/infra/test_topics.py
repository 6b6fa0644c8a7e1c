"""The topic catalogue on a real broker."""

from dataclasses import replace

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from events.topics import TOPICS, Topic
from infra.errors import UserError
from infra.settings import KafkaSettings, load
from infra.topics import apply, config_of, partition_counts
from tests.live import kafka_of

SMALL = Topic(
    name="test.small", holds="", key="", events=(), producers=(), consumers=(), partitions=2
)


@pytest.fixture
def kafka(stack):
    return kafka_of(stack)


def test_the_whole_catalogue_is_there(kafka):
    counts = partition_counts(AdminClient(kafka.connection()))

    assert counts.items() >= {topic.name: topic.partitions for topic in TOPICS}.items()


def test_applying_twice_changes_nothing(kafka):
    changes = apply(kafka)

    assert (changes.created, changes.changed) == ((), {})
    assert set(changes.unchanged) == {topic.name for topic in TOPICS}


def test_a_setting_that_differs_is_set(kafka):
    apply(kafka, [SMALL])
    longer = replace(SMALL, retention_ms=3_600_000)
    changes = apply(kafka, [longer])

    assert changes.changed == {"test.small": {"retention.ms": "3600000"}}
    assert config_on_broker(kafka, "test.small").items() >= config_of(longer).items()
    assert apply(kafka, [longer]).changed == {}


def test_a_partition_count_is_never_changed(kafka):
    apply(kafka, [SMALL])
    with pytest.raises(UserError) as refused:
        apply(kafka, [replace(SMALL, partitions=3), replace(SMALL, name="test.other")])

    assert refused.value.code == "partition_count_changed"
    assert "test.small has 2, the catalogue says 3" in refused.value.sentence
    counts = partition_counts(AdminClient(kafka.connection()))
    assert "test.other" not in counts, "nothing is applied when something is refused"


def test_topics_are_not_created_by_use(kafka):
    admin = AdminClient(kafka.connection())
    admin.list_topics("test.never", timeout=60)

    assert "test.never" not in partition_counts(admin)


def test_the_catalogue_is_the_brokers_default_nowhere(kafka):
    """Every setting is explicit, so that another cluster's defaults change nothing."""
    topic = TOPICS[0]

    assert config_on_broker(kafka, topic.name).items() >= config_of(topic).items()


def config_on_broker(kafka: KafkaSettings, name: str) -> dict[str, str]:
    admin = AdminClient(kafka.connection())
    resource = ConfigResource(ResourceType.TOPIC, name)
    entries = admin.describe_configs([resource])[resource].result(10)
    return {key: entry.value for key, entry in entries.items()}


def test_a_cluster_that_is_away_is_told_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("infra.topics.TIMEOUT_SECONDS", 0.3)
    with pytest.raises(UserError) as failed:
        apply(load_kafka("127.0.0.1:1"))

    assert failed.value.code == "kafka_failed"


def load_kafka(bootstrap: str) -> KafkaSettings:
    from dataclasses import make_dataclass

    program = make_dataclass("Program", [("kafka", KafkaSettings)])
    return load(program, {"CHAT_KAFKA_BOOTSTRAP": bootstrap}).kafka
