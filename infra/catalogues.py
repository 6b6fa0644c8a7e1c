"""Applies every catalogue in one step: topics, schemas, keyspace and tables.

Idempotent: a second run changes nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from infra import cassandra, registry, topics
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


def apply(settings: CatalogueSettings) -> Applied:
    """Make cluster, registry and keyspace match the catalogues, side by side."""
    with ThreadPoolExecutor(max_workers=3) as pool:
        topic_changes = pool.submit(topics.apply, settings.kafka)
        schema_changes = pool.submit(registry.apply, settings.registry, settings.schemas)
        statements = pool.submit(cassandra.apply, settings.cassandra)
        return Applied(topic_changes.result(), schema_changes.result(), statements.result())
