"""`chatlog topics …` and `chatlog schemas …`: make a cluster match the catalogues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from cli import table, terminal
from events.topics import TOPICS, Topic
from infra import registry as registry_catalogue
from infra import topics as topic_catalogue
from infra.acls import AclChanges
from infra.catalogues import CatalogueSettings
from infra.catalogues import apply as apply_catalogues
from infra.catalogues import apply_topics as apply_topics_and_rights
from infra.migrations import Migration, catalogue
from infra.settings import KafkaSettings, RegistrySettings, SchemaSettings, load

topics = App(name="topics", help="Apply or list the topic catalogue.")
schemas = App(name="schemas", help="Apply, check or lock the schemas.")


@dataclass(frozen=True, slots=True)
class _TopicSettings:
    kafka: KafkaSettings


@dataclass(frozen=True, slots=True)
class _SchemaSettings:
    registry: RegistrySettings
    schemas: SchemaSettings


def apply(
    *,
    gateway: Annotated[
        tuple[str, ...], Parameter(help="Gateways that get their rights too, in secured mode.")
    ] = (),
) -> None:
    """Make Kafka, the registry and Cassandra match the catalogues, and start nothing.

    Topics, schemas, keyspace and tables, and in secured mode every principal's rights. Harmless to
    repeat: says what it did.
    """
    registry_catalogue.check_lock()
    settings = load(CatalogueSettings)
    applied = apply_catalogues(settings, gateway)
    _say_topics(applied.topics)
    _say_schemas(applied.schemas, settings.schemas)
    _say_migrations(applied.migrations)
    _say_rights(applied.rights)


@topics.command(name="apply")
def apply_topics(
    *,
    gateway: Annotated[
        tuple[str, ...], Parameter(help="Gateways that get their rights too, in secured mode.")
    ] = (),
) -> None:
    """Create missing topics and set what differs; a partition count is never changed.

    In secured mode, give every principal its rights on them and no others.
    """
    kafka = load(_TopicSettings).kafka
    changes, rights = apply_topics_and_rights(kafka, gateway)
    _say_topics(changes)
    _say_rights(rights)


@topics.command(name="list")
def list_topics() -> None:
    """Show the catalogue."""
    rows = [(topic.name, str(topic.partitions), _kept(topic), topic.holds) for topic in TOPICS]
    table.show(terminal.console(), ("topic", "partitions", "kept", "holds"), rows, right={1})


@schemas.command(name="apply")
def apply_schemas() -> None:
    """Register new schemas and write the ids file; an incompatible schema is refused."""
    registry_catalogue.check_lock()
    settings = load(_SchemaSettings)
    changes = registry_catalogue.apply(settings.registry, settings.schemas)
    _say_schemas(changes, settings.schemas)


@schemas.command(name="check")
def check_schemas() -> None:
    """Refuse schemas that differ from schemas/registry.lock.json; needs no registry."""
    registry_catalogue.check_lock()
    print("The schemas match schemas/registry.lock.json.")


@schemas.command(name="lock")
def lock_schemas() -> None:
    """Rewrite schemas/registry.lock.json: for an intended change of the contract."""
    print(f"{registry_catalogue.lock_file()} names {registry_catalogue.write_lock()} subjects.")


def _say_topics(changes: topic_catalogue.TopicChanges) -> None:
    for name in changes.created:
        print(f"created    {name}")
    for name, values in changes.changed.items():
        print(f"changed    {name}: {', '.join(f'{k}={v}' for k, v in values.items())}")
    print(f"{len(changes.unchanged)} topics were as they should be.")


def _say_schemas(changes: registry_catalogue.SchemaChanges, schemas: SchemaSettings) -> None:
    for subject in changes.registered:
        print(f"registered  {subject}")
    print(f"{len(changes.unchanged)} subjects were as they should be; ids: {schemas.ids}")


def _say_migrations(done: list[Migration]) -> None:
    for migration in done:
        print(f"applied    {migration}")
    print(f"Keyspace and tables: {len(catalogue()) - len(done)} migrations were there already.")


def _say_rights(rights: AclChanges) -> None:
    if rights.added or rights.taken:
        print(f"{rights.added} rights were given, {rights.taken} taken.")


def _kept(topic: Topic) -> str:
    if topic.cleanup_policy == "compact":
        return "newest of each key"
    if topic.retention_ms < 0:
        return "for ever"
    hours = topic.retention_ms / 3_600_000
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.0f} hours"
