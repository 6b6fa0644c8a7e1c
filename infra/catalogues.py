"""Applies every catalogue in one step: topics, schemas, keyspace and tables, and rights on them.

Idempotent: a second run changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException

from infra import acls, cassandra, registry, topics
from infra.access import COMPONENTS, EDGE, edge_principal
from infra.demands.at_start import cluster_breaches
from infra.demands.catalogue import refuse
from infra.errors import UserError
from infra.migrations import Migration
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
    migrations: list[Migration]
    rights: acls.AclChanges


def apply(settings: CatalogueSettings, gateways: Iterable[str] = ()) -> Applied:
    """Make cluster, registry and keyspace match the catalogues, side by side.

    Raises UserError, also for a setting that promises rest on and that this step may not set. When
    a part fails the others are still done, and the error says which.
    """
    require_brokers(settings.kafka)
    with ThreadPoolExecutor(max_workers=4) as pool:
        topic_changes = pool.submit(topics.apply, settings.kafka)
        schema_changes = pool.submit(registry.apply, settings.registry, settings.schemas)
        migrations = pool.submit(cassandra.apply, settings.cassandra)
        right_changes = pool.submit(apply_rights, settings.kafka, tuple(gateways))
    parts: dict[str, Future[Any]] = {
        "topics": topic_changes,
        "schemas": schema_changes,
        "keyspace and tables": migrations,
    }
    require_done(parts | _rights(settings.kafka, right_changes))
    return Applied(
        topic_changes.result(),
        schema_changes.result(),
        migrations.result(),
        right_changes.result(),
    )


def apply_topics(
    kafka: KafkaSettings, gateways: Iterable[str] = ()
) -> tuple[topics.TopicChanges, acls.AclChanges]:
    """Make topics and rights match the catalogues, as `apply` does. Raises UserError."""
    require_brokers(kafka)
    with ThreadPoolExecutor(max_workers=2) as pool:
        topic_changes = pool.submit(topics.apply, kafka)
        right_changes = pool.submit(apply_rights, kafka, tuple(gateways))
    require_done({"topics": topic_changes} | _rights(kafka, right_changes))
    return topic_changes.result(), right_changes.result()


def require_done(parts: Mapping[str, Future[Any]]) -> None:
    """Raise the error of the first part that failed; it says what was done and what was not.

    An error that is not meant for a person comes as it is, with the same said in a note.
    """
    errors = {name: error for name, part in parts.items() if (error := part.exception())}
    if not errors:
        return
    done = [name for name in parts if name not in errors]
    said = f"applied: {', '.join(done) or 'nothing'}; not applied in full: {', '.join(errors)}"
    for error in errors.values():
        if not isinstance(error, UserError):
            error.add_note(said)
            raise error
    first = next(error for error in errors.values() if isinstance(error, UserError))
    raise UserError(
        first.code,
        f"{first.sentence.removesuffix('.')} ({said}).",
        f"{first.remedy} Then apply again: what was done is left as it is.",
        exit_status=first.exit_status,
    ) from first


def _rights(kafka: KafkaSettings, changes: Future[acls.AclChanges]) -> dict[str, Future[Any]]:
    return {} if kafka.security == "plaintext" else {"rights": changes}


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
