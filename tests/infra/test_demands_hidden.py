"""A managed Kafka hides settings and has some of its own that are safer than what is demanded.

No broker of ours hides one setting of a topic, so what it would answer is said here; brokers that
hide theirs are in tests/secure/test_demands.py.
"""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException

from events.topics import CONVERSATIONS, SUBMISSIONS
from infra import topics
from infra.demands import kafka
from infra.settings import KafkaSettings

OWN = topics.ConfigSource.DYNAMIC_TOPIC_CONFIG.value
DEFAULT = topics.ConfigSource.DEFAULT_CONFIG.value
COPIES = 2


class Managed:
    """What an admin client is told there."""

    def __init__(self, error=None, *, hidden=(), source=OWN, **values):
        self.error, self.hidden, self.source, self.values = error, hidden, source, values

    def list_topics(self, timeout=None):
        partitions = {
            number: SimpleNamespace(replicas=[1, 2]) for number in range(CONVERSATIONS.partitions)
        }
        there = {
            one.name: SimpleNamespace(partitions=partitions) for one in (CONVERSATIONS, SUBMISSIONS)
        }
        return SimpleNamespace(topics=there, brokers={1: None})

    def describe_configs(self, resources, request_timeout=None):
        return {one: self._answer(one) for one in resources}

    def _answer(self, resource):
        future = Future()
        if self.error is not None:
            future.set_exception(KafkaException(KafkaError(self.error)))
            return future
        wanted = next(one for one in (CONVERSATIONS, SUBMISSIONS) if one.name == resource.name)
        values = topics.config_of(wanted, COPIES) | self.values
        future.set_result(
            {
                name: SimpleNamespace(name=name, value=value, source=self.source)
                for name, value in values.items()
                if name not in self.hidden
            }
        )
        return future


SETTINGS = KafkaSettings(replication_factor=COPIES)


def found(admin, topic=CONVERSATIONS):
    return [(one.demand.name, one.found) for one in kafka.topic_breaches(admin, SETTINGS, [topic])]


def test_another_failure_of_the_question_is_still_one():
    with pytest.raises(KafkaException):
        kafka.broker_breaches(Managed(KafkaError.COORDINATOR_NOT_AVAILABLE), SETTINGS)


def test_a_topic_setting_that_is_hidden_is_not_refused():
    assert found(Managed(hidden=("unclean.leader.election.enable",))) == []
    assert found(Managed(KafkaError.TOPIC_AUTHORIZATION_FAILED)) == []
    assert found(Managed(**{"min.insync.replicas": None})) == []


@pytest.mark.parametrize(
    ("topic", "name", "value", "is_fine"),
    [
        (SUBMISSIONS, "retention.ms", str(SUBMISSIONS.retention_ms + 1), True),
        (SUBMISSIONS, "retention.ms", "-1", True),
        (SUBMISSIONS, "retention.ms", str(SUBMISSIONS.retention_ms - 1), False),
        (CONVERSATIONS, "retention.ms", str(1 << 60), False),
        (CONVERSATIONS, "retention.bytes", str(1 << 60), False),
        (CONVERSATIONS, "min.insync.replicas", "2", True),
        (CONVERSATIONS, "cleanup.policy", "compact", False),
        (CONVERSATIONS, "unclean.leader.election.enable", "true", False),
    ],
)
def test_a_value_is_judged_by_what_is_demanded(topic, name, value, is_fine):
    assert (found(Managed(**{name: value}), topic) == []) is is_fine


def test_more_in_sync_copies_than_there_are_is_refused():
    assert found(Managed(**{"min.insync.replicas": "3"})) == [("min.insync.replicas", "3")]
