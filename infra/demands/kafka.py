"""What Kafka has: the settings of topics and of brokers. Blocks: for a thread.

Raises KafkaException when it cannot be asked.
"""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    ResourceType,
    TopicMetadata,
)

from events.topics import Topic
from infra import topics
from infra.demands.catalogue import (
    BROKER_DEMANDS,
    COPIES,
    OFFSETS_COPIES,
    PARTITION_COUNT,
    TOPIC_DEMANDS,
    Breach,
    Demand,
    Where,
    breaches_of,
)
from infra.settings import KafkaSettings

_OFFSETS_TOPIC = "__consumer_offsets"
_BY_NAME = {demand.name: demand for demand in TOPIC_DEMANDS}


def topic_breaches(
    admin: AdminClient, kafka: KafkaSettings, wanted: Iterable[Topic]
) -> list[Breach]:
    """What is not as demanded of these topics; one that is not there yet is not asked."""
    existing = admin.list_topics(timeout=topics.TIMEOUT_SECONDS).topics
    present = [topic for topic in wanted if topic.name in existing]
    found = []
    for topic in present:
        partitions, copies = len(existing[topic.name].partitions), _copies(existing[topic.name])
        if partitions != topic.partitions:
            found.append(Breach(PARTITION_COUNT, topic.name, str(partitions)))
        if copies < kafka.replication_factor:
            found.append(Breach(COPIES, topic.name, str(copies)))
    differing = topics.differing_config(admin, present, kafka.replication_factor)
    for name, values in differing.items():
        for setting, (has, wants) in values.items():
            demand = _BY_NAME.get(setting) or Demand(setting, Where.TOPIC, wants, "", "")
            found.append(Breach(demand, f"topic {name}", has))
    return found


def stopped_by_one_broker(
    admin: AdminClient, wanted: Iterable[Topic]
) -> dict[str, tuple[int, int]]:
    """Topics of several copies that take no records while one broker is away.

    Their copies, and how many must hold a record. No promise is broken, so nothing is refused.
    """
    existing = admin.list_topics(timeout=topics.TIMEOUT_SECONDS).topics
    present = [topic for topic in wanted if topic.name in existing]
    in_sync = topics.in_sync_minima(admin, present)
    found = {name: (_copies(existing[name]), needed) for name, needed in in_sync.items()}
    return {name: one for name, one in found.items() if needs_every_copy(*one)}


def needs_every_copy(copies: int, needed: int) -> bool:
    """Whether one broker that is away stops writes that another could take. Pure."""
    return copies > 1 and needed >= copies


def broker_breaches(admin: AdminClient, kafka: KafkaSettings) -> list[Breach]:
    """What is not as demanded of the brokers."""
    metadata = admin.list_topics(timeout=topics.TIMEOUT_SECONDS)
    found = []
    for number in metadata.brokers:  # each is asked by itself: a request may name one broker only
        resource = ConfigResource(ResourceType.BROKER, str(number))
        asked = admin.describe_configs([resource], request_timeout=topics.TIMEOUT_SECONDS)
        place, wanted = f"broker {number}", [demand.name for demand in BROKER_DEMANDS]
        entries = topics.shown(asked[resource], place, wanted)
        values = {name: entry.value for name, entry in entries.items()}
        found += breaches_of(BROKER_DEMANDS, place, values)
    offsets = metadata.topics.get(_OFFSETS_TOPIC)
    if offsets is not None and (copies := _copies(offsets)) < kafka.replication_factor:
        found.append(Breach(OFFSETS_COPIES, "the cluster", str(copies)))
    return found


def _copies(topic: TopicMetadata) -> int:
    return min((len(one.replicas) for one in topic.partitions.values()), default=0)
