"""Applies every catalogue in one step: topics, schemas, keyspace and tables, and rights on them.

Idempotent: a second run changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from confluent_kafka import KafkaException

from infra import acls, cassandra, registry, topics
from infra.access import COMPONENTS, EDGE, edge_principal
from infra.demands.at_start import cluster_breaches
from infra.demands.catalogue import refuse
from infra.settings import CassandraSettings, KafkaSettings, RegistrySettings, SchemaSettings


@dataclass(frozen=True, slots=True)
class CatalogueSettings:
    """What the step needs to know."""

    kafka: KafkaSettings
    registry: RegistrySettings
    schemas: SchemaSettings
    cassandra: CassandraSettings


@dataclass(frozen=True, slots=True)
class Applied:
    """What the step did."""

    topics: topics.TopicChanges
    schemas: registry.SchemaChanges
    cql_statements: int
    rights: acls.AclChanges


def apply(settings: CatalogueSettings, gateways: Iterable[str] = ()) -> Applied:
    """Make cluster, registry and keyspace match the catalogues, side by side.

    Raises UserError, also for a setting that promises rest on and that this step may not set.
    """
    require_brokers(settings.kafka)
    with ThreadPoolExecutor(max_workers=4) as pool:
        topic_changes = pool.submit(topics.apply, settings.kafka)
        right_changes = pool.submit(apply_rights, settings.kafka, tuple(gateways))
        schema_changes = pool.submit(registry.apply, settings.registry, settings.schemas)
        statements = pool.submit(cassandra.apply, settings.cassandra)
        return Applied(
            topic_changes.result(),
            schema_changes.result(),
            statements.result(),
            right_changes.result(),
        )


def require_brokers(kafka: KafkaSettings) -> None:
    """Refuse a cluster whose brokers are not set as they must be. Raises UserError."""
    try:
        refuse(cluster_breaches(kafka))
    except KafkaException as error:
        raise topics.unreachable(kafka, error) from error


def apply_rights(kafka: KafkaSettings, gateways: Iterable[str] = ()) -> acls.AclChanges:
    """Of every worker role, and of the gateways that are named; nothing where nobody is asked."""
    if kafka.security == "plaintext":
        return acls.AclChanges(0, 0)
    workers = (name for name in COMPONENTS if name != EDGE)
    return acls.apply(kafka.connection(), [*workers, *map(edge_principal, gateways)])
