"""Registers the schemas, and writes down the ids that programs read.

Goes in: the packaged `.avsc` of every event in the catalogue. Comes out: a subject for each
(`<topic>-<namespace>.<Record>`), FULL_TRANSITIVE, and the ids file, which names every version of
every event on our topics that the registry holds, also those that only a newer release knows. So a
program decodes what any release wrote, or knows that it cannot, without asking the registry.

`schemas/registry.lock.json` holds the fingerprint of each subject's current schema: a change of
the contract is a change of that file, seen in review.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from fastavro.schema import fingerprint, to_parsing_canonical_form

from events.codec import schema_of
from events.topics import EVENT_TOPICS
from infra.errors import UserError
from infra.files import write_whole
from infra.registry_client import RegistryClient
from infra.settings import RegistrySettings, SchemaSettings


@dataclass(frozen=True, slots=True)
class Subject:
    """One event's schema under the name it has in the registry."""

    name: str
    topic: str
    event: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SchemaChanges:
    """What applying the schemas did."""

    registered: tuple[str, ...]
    """Subjects that have a new version."""
    unchanged: tuple[str, ...]


def subjects() -> list[Subject]:
    """Every event of the catalogue as a subject."""
    return [
        Subject(_subject_name(topic.name, schema), topic.name, event.__name__, schema)
        for topic in EVENT_TOPICS
        for event in topic.events
        for schema in [schema_of(event)]
    ]


def fingerprint_of(schema: dict[str, Any]) -> str:
    """SHA-256 of the schema's canonical form."""
    return str(fingerprint(to_parsing_canonical_form(schema), "SHA-256"))


def apply(
    registry: RegistrySettings, schemas: SchemaSettings, wanted: Iterable[Subject] | None = None
) -> SchemaChanges:
    """Register what is new and write the ids file; refuses what is incompatible."""
    registered: list[str] = []
    unchanged: list[str] = []
    entries: list[dict[str, Any]] = []
    with RegistryClient(registry) as client:
        known = client.subjects()
        for subject in subjects() if wanted is None else wanted:
            if subject.name not in known:
                schema_id = client.register(subject.name, subject.schema)
                entries.append(_entry(subject, 1, schema_id, subject.schema))
                client.set_compatibility(subject.name)
                registered.append(subject.name)
                continue
            client.set_compatibility(subject.name)
            before = client.versions(subject.name)
            client.register(subject.name, subject.schema)
            after = client.versions(subject.name)
            (unchanged if before == after else registered).append(subject.name)
            entries += _entries(client, subject.name)
        for name in sorted(known):
            if wanted is None and _is_of_another_release(name):
                entries += _entries(client, name)
    schemas.ids.parent.mkdir(parents=True, exist_ok=True)
    write_whole(schemas.ids, json.dumps({"schemas": entries}, indent=1) + "\n")
    return SchemaChanges(tuple(registered), tuple(unchanged))


def lock_file() -> Path:
    """Where the lock lives: beside the schemas."""
    return Path(str(resources.files("schemas"))) / "registry.lock.json"


def fingerprints() -> dict[str, str]:
    """What the lock file should say."""
    return {subject.name: fingerprint_of(subject.schema) for subject in subjects()}


def write_lock() -> int:
    """Write the lock file anew; says how many subjects it names."""
    lock_file().write_text(json.dumps(fingerprints(), indent=2, sort_keys=True) + "\n")
    return len(subjects())


def check_lock() -> None:
    """Refuse schemas that differ from the lock file."""
    try:
        locked = json.loads(lock_file().read_text())
    except FileNotFoundError:
        locked = {}
    current = fingerprints()
    differing = sorted(
        name for name in locked.keys() | current.keys() if locked.get(name) != current.get(name)
    )
    if differing:
        raise UserError(
            "schema_lock_differs",
            f"Schemas differ from schemas/registry.lock.json: {', '.join(differing)}.",
            "If the contract is meant to change, run `chatlog schemas lock` and commit the file.",
        )


def _is_of_another_release(name: str) -> bool:
    """Whether it is the subject of an event on one of our topics that this release has not."""
    topic, _, record = name.partition("-")
    on_our_topics = topic in {one.name for one in EVENT_TOPICS} and record.startswith(f"{topic}.")
    return on_our_topics and name not in {one.name for one in subjects()}


def _entries(client: RegistryClient, name: str) -> list[dict[str, Any]]:
    """Every version of a subject, as the ids file describes them."""
    topic, _, record = name.partition("-")
    event = record.rpartition(".")[2]
    found = []
    for version in client.versions(name):
        schema_id, schema = client.schema(name, version)
        found.append(_entry(Subject(name, topic, event, schema), version, schema_id, schema))
    return found


def _entry(
    subject: Subject, version: int, schema_id: int, schema: dict[str, Any]
) -> dict[str, Any]:
    """One version as the ids file describes it."""
    return {
        "id": schema_id,
        "subject": subject.name,
        "topic": subject.topic,
        "event": subject.event,
        "version": version,
        "fingerprint": fingerprint_of(schema),
        "schema": schema,
    }


def _subject_name(topic: str, schema: dict[str, Any]) -> str:
    """TopicRecordName: the topic and the record's full name."""
    return f"{topic}-{schema['namespace']}.{schema['name']}"
