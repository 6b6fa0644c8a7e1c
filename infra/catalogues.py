"""Applies every catalogue in one step: topics, schemas, keyspace and tables, and rights on them.

Idempotent: a second run changes nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from infra import acls, cassandra, registry, topics
from infra.access import COMPONENTS, EDGE
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


def apply(settings: CatalogueSettings) -> Applied:
    """Make cluster, registry and keyspace match the catalogues, side by side."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        topic_changes = pool.submit(topics.apply, settings.kafka)
        right_changes = pool.submit(_apply_rights, settings.kafka)
        schema_changes = pool.submit(registry.apply, settings.registry, settings.schemas)
        statements = pool.submit(cassandra.apply, settings.cassandra)
        return Applied(
            topic_changes.result(),
            schema_changes.result(),
            statements.result(),
            right_changes.result(),
        )


def _apply_rights(kafka: KafkaSettings) -> acls.AclChanges:
    """Of those whose names are known here; a gateway's are given when it is let in."""
    if kafka.security == "plaintext":
        return acls.AclChanges(0, 0)
    return acls.apply(kafka.connection(), [name for name in COMPONENTS if name != EDGE])
