"""Makes a cluster match the topic catalogue, and refuses what would break it.

Goes in: topics from `events.topics`. Comes out: what was created and what was changed. Doing it
twice changes nothing. The partition count of a live topic is never changed: records with one key
would no longer keep their order, and co-partitioned topics would no longer meet. Nor is a topic
accepted that has fewer copies than it should, and what must hold a record is never lowered.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewTopic,
    ResourceType,
    TopicMetadata,
)

from events.topics import COMMON_CONFIG, TOPICS, Topic
from infra.errors import UserError
from infra.kafka_answer import answer_of
from infra.settings import KafkaSettings

TIMEOUT_SECONDS = 20.0
_IN_SYNC_MIN = "min.insync.replicas"
_KEEPS = frozenset({"retention.ms", "retention.bytes"})
"""More of these keeps records for longer, and -1 for ever."""
_HIDDEN = frozenset(
    {KafkaError.CLUSTER_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED}
)
_CANNOT_BE_SEEN = "settings cannot be seen, and are taken to be as demanded"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TopicChanges:
    """What applying the catalogue did, by topic name."""

    created: tuple[str, ...]
    changed: dict[str, dict[str, str]]
    """Broker settings that were set, for each topic that existed."""
    unchanged: tuple[str, ...]


def apply(settings: KafkaSettings, topics: Iterable[Topic] = TOPICS) -> TopicChanges:
    """Create what is missing and set what differs; refuse other partition counts first."""
    wanted = {topic.name: topic for topic in topics}
    admin = AdminClient({**settings.connection(), "log_level": 0})
    try:
        existing = admin.list_topics(timeout=TIMEOUT_SECONDS).topics
        _refuse_other_partition_counts(wanted, existing)
        _refuse_fewer_copies(wanted, existing, settings.replication_factor)
        missing = [topic for topic in wanted.values() if topic.name not in existing]
        present = [topic for topic in wanted.values() if topic.name in existing]
        _create(admin, missing, settings.replication_factor)
        changed = _set_config(admin, present, settings.replication_factor)
    except KafkaException as error:
        raise unreachable(settings, error) from error
    return TopicChanges(
        created=tuple(topic.name for topic in missing),
        changed=changed,
        unchanged=tuple(topic.name for topic in present if topic.name not in changed),
    )


def in_sync_min(replication_factor: int) -> int:
    """Copies that must hold a record before it is confirmed: all but one, which may be away."""
    return max(1, replication_factor - 1)


def config_of(topic: Topic, replication_factor: int = 1) -> dict[str, str]:
    """Every broker setting the catalogue asks of a topic with so many copies."""
    return {
        **COMMON_CONFIG,
        _IN_SYNC_MIN: str(in_sync_min(replication_factor)),
        "cleanup.policy": topic.cleanup_policy,
        "retention.ms": str(topic.retention_ms),
        **topic.config,
    }


def partition_counts(admin: AdminClient) -> dict[str, int]:
    """Every topic of the cluster and its number of partitions."""
    metadata = admin.list_topics(timeout=TIMEOUT_SECONDS)
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def _refuse_other_partition_counts(
    wanted: dict[str, Topic], existing: dict[str, TopicMetadata]
) -> None:
    differing = [
        f"{name} has {len(existing[name].partitions)}, the catalogue says {topic.partitions}"
        for name, topic in wanted.items()
        if name in existing and len(existing[name].partitions) != topic.partitions
    ]
    if differing:
        raise UserError(
            "partition_count_changed",
            f"The number of partitions of a live topic never changes: {'; '.join(differing)}.",
            "Nothing was applied. Put the number back in events/topics.py; "
            "more partitions need a topic with a new name.",
        )


def _refuse_fewer_copies(
    wanted: dict[str, Topic], existing: dict[str, TopicMetadata], replication_factor: int
) -> None:
    """A topic of which more copies must hold a record than it has would take none."""
    lacking = [
        name
        for name in wanted.keys() & existing.keys()
        for partition in existing[name].partitions.values()
        if len(partition.replicas) < replication_factor
    ]
    if lacking:
        raise UserError(
            "too_few_copies",
            f"CHAT_KAFKA_REPLICATION_FACTOR asks for {replication_factor} copies, and there are "
            f"fewer of {', '.join(sorted(set(lacking)))}.",
            "Nothing was applied. Add copies with Kafka's kafka-reassign-partitions, "
            "or lower the setting.",
        )


def _create(admin: AdminClient, topics: list[Topic], replication_factor: int) -> None:
    if not topics:
        return
    futures = admin.create_topics(
        [
            NewTopic(
                topic.name,
                num_partitions=topic.partitions,
                replication_factor=replication_factor,
                config=config_of(topic, replication_factor),
            )
            for topic in topics
        ],
        operation_timeout=TIMEOUT_SECONDS,
        request_timeout=TIMEOUT_SECONDS,
    )
    for future in futures.values():
        try:
            answer_of(future, TIMEOUT_SECONDS)
        except KafkaException as error:
            # Somebody else applied the same catalogue at the same moment.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    _wait_until_known(admin, topics)


def _wait_until_known(admin: AdminClient, topics: list[Topic]) -> None:
    """A topic can be used a moment after its creation was confirmed."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not {topic.name for topic in topics} <= partition_counts(admin).keys():
        if time.monotonic() > deadline:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        time.sleep(0.05)


def differing_config(
    admin: AdminClient,
    topics: list[Topic],
    replication_factor: int,
    *,
    may_keep_longer: bool = True,
) -> dict[str, dict[str, tuple[str, str]]]:
    """Settings of topics that are not as the catalogue asks, or not their own: has, should have.

    One that the cluster hides is said in the log and taken for right: a managed cluster shows
    some to nobody. Records that are kept for longer break no promise; the apply step sets what the
    catalogue says all the same.
    """
    if not topics:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, topic.name) for topic in topics]
    described = admin.describe_configs(resources, request_timeout=TIMEOUT_SECONDS)
    differing: dict[str, dict[str, tuple[str, str]]] = {}
    for topic, resource in zip(topics, resources, strict=True):
        wanted = config_of(topic, replication_factor)
        values = {
            name: (entry.value, wanted[name])
            for name, entry in shown(described[resource], topic.name, wanted).items()
            if entry.source != ConfigSource.DYNAMIC_TOPIC_CONFIG.value
            or not _serves(name, entry.value, wanted[name], replication_factor, may_keep_longer)
        }
        if values:
            differing[topic.name] = values
    return differing


def in_sync_minima(admin: AdminClient, topics: list[Topic]) -> dict[str, int]:
    """How many copies must hold a record of each topic, as far as the cluster shows it."""
    if not topics:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, topic.name) for topic in topics]
    described = admin.describe_configs(resources, request_timeout=TIMEOUT_SECONDS)
    return {
        resource.name: int(entry.value)
        for resource in resources
        for entry in shown(described[resource], resource.name, [_IN_SYNC_MIN]).values()
    }


def _set_config(
    admin: AdminClient, topics: list[Topic], replication_factor: int
) -> dict[str, dict[str, str]]:
    differing = differing_config(admin, topics, replication_factor, may_keep_longer=False)
    changed = {
        topic: {name: wants for name, (_, wants) in values.items()}
        for topic, values in differing.items()
    }
    alterations = [
        ConfigResource(
            ResourceType.TOPIC,
            name,
            incremental_configs=[
                ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                for key, value in values.items()
            ],
        )
        for name, values in changed.items()
    ]
    if alterations:
        for future in admin.incremental_alter_configs(
            alterations, request_timeout=TIMEOUT_SECONDS
        ).values():
            answer_of(future, TIMEOUT_SECONDS)
    return changed


def shown(asked: Future[Any], place: str, wanted: Iterable[str]) -> dict[str, Any]:
    """Those of the wanted settings of a topic or a broker that the cluster shows, with values.

    What it hides is said in the log. Raises KafkaException when they cannot be asked.
    """
    try:
        settings = answer_of(asked, TIMEOUT_SECONDS)
    except KafkaException as error:
        if error.args[0].code() not in _HIDDEN:
            raise
        log.warning(_CANNOT_BE_SEEN, place=place, why=error.args[0].str())
        return {}
    found = {name: settings[name] for name in wanted if name in settings}
    visible = {name: entry for name, entry in found.items() if entry.value is not None}
    if hidden := [name for name in wanted if name not in visible]:
        log.warning(_CANNOT_BE_SEEN, place=place, settings=hidden)
    return visible


def _serves(name: str, current: str, value: str, copies: int, may_keep_longer: bool) -> bool:
    """Whether a topic's own setting may stay: it is the same, or safer."""
    if current == value:
        return True
    try:
        has, asked = int(current), int(value)
    except ValueError:
        return False
    if name == _IN_SYNC_MIN:
        return asked < has <= copies
    if name in _KEEPS and may_keep_longer:
        return asked >= 0 and (has < 0 or has > asked)
    return False


def unreachable(settings: KafkaSettings, error: KafkaException) -> UserError:
    """The error for a person, when Kafka did not do what was asked."""
    return UserError(
        "kafka_failed",
        f"Kafka at {settings.bootstrap} did not apply the topics: {error.args[0].str()}.",
        "Run `chatlog status`; if Kafka does not run: `chatlog up`.",
    )
