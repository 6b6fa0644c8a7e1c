"""Who leads a partition now, and how many copies of it are in sync: the cluster's own answer.

For drills, which break the broker that matters. The answer is as old as the cluster's view: a
broker that was killed is leader until its session has ended, 3 s after its last heartbeat.
"""

from __future__ import annotations

import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    PartitionMetadata,
)

from infra.settings import KafkaSettings
from infra.stack.cluster import broker_name

TIMEOUT_SECONDS = 20.0
_POLL_SECONDS = 0.1


def leader_of(
    kafka: KafkaSettings, topic: str, partition: int, timeout_seconds: float = TIMEOUT_SECONDS
) -> str:
    """The part that leads the partition; waits while nobody does.

    Raises TimeoutError when nobody leads in time, KafkaException when the cluster does not answer
    or has no such topic, KeyError when the topic has no such partition.
    """
    admin = _client(kafka)
    deadline = time.monotonic() + timeout_seconds
    while (leader := _partitions(admin, topic, timeout_seconds)[partition].leader) < 0:
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody leads {topic} partition {partition}")
        time.sleep(_POLL_SECONDS)
    return broker_name(leader)


def in_sync(
    kafka: KafkaSettings, topic: str, timeout_seconds: float = TIMEOUT_SECONDS
) -> dict[int, int]:
    """How many copies of each partition have all that was confirmed; raises as `leader_of`."""
    partitions = _partitions(_client(kafka), topic, timeout_seconds)
    return {number: len(partition.isrs) for number, partition in partitions.items()}


def _client(kafka: KafkaSettings) -> AdminClient:
    return AdminClient({**kafka.connection(), "log_level": 0})


def _partitions(
    admin: AdminClient, topic: str, timeout_seconds: float
) -> dict[int, PartitionMetadata]:
    found = admin.list_topics(topic, timeout=timeout_seconds).topics[topic]
    # While a partition has no leader this is the topic's error, and its partitions are given.
    if found.error is not None and not found.partitions:
        raise KafkaException(KafkaError(found.error.code()))
    return dict(found.partitions)
