"""Brokers that hide their settings from who has no right to see them, as managed ones do."""

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from infra.access import OPERATOR
from infra.catalogues import require_brokers
from infra.demands.at_start import cluster_breaches
from tests.live import kafka_of

ROLE = "history"


def test_brokers_that_hide_their_settings_are_not_refused(stack):
    admin = AdminClient(kafka_of(stack, ROLE).connection())
    resource = ConfigResource(ResourceType.BROKER, str(min(admin.list_topics(timeout=60).brokers)))
    with pytest.raises(KafkaException) as hidden:
        admin.describe_configs([resource])[resource].result(60)
    assert hidden.value.args[0].code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED

    require_brokers(kafka_of(stack, ROLE))
    assert cluster_breaches(kafka_of(stack, OPERATOR)) == [], "who may see them finds them right"
