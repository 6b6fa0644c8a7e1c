"""Schemas in a real registry: registered once, versions kept, incompatible ones refused."""

import json
import uuid

import pytest

from events.codec import BeyondRelease, Codec
from infra import registry
from infra.errors import UserError
from infra.registry import Subject, apply, check_lock, fingerprint_of, subjects
from infra.registry_client import RegistryClient
from infra.schema_ids import SchemaIds
from infra.settings import RegistrySettings, SchemaSettings


@pytest.fixture
def url(stack):
    return RegistrySettings(url=stack.environment()["CHAT_REGISTRY_URL"])


@pytest.fixture
def ids(tmp_path):
    return SchemaSettings(ids=tmp_path / "ids.json")


def subject(*fields: dict, event: str = "Thing") -> Subject:
    schema = {"type": "record", "name": event, "namespace": "test.things", "fields": list(fields)}
    return Subject(f"test.things-test.things.{event}", "test.things", event, schema)


NAME = {"name": "name", "type": "string"}
AGE = {"name": "age", "type": "int", "default": 0}


def test_every_event_has_a_subject_named_by_topic_and_record():
    names = {subject.name for subject in subjects()}

    assert "chat.conversations-chat.conversations.MessageSent" in names


def test_applying_twice_changes_nothing(url, ids):
    changes = apply(url, ids)
    first = ids.ids.read_text()
    apply(url, ids)

    assert changes.registered == ()
    assert len(changes.unchanged) == len(subjects())
    assert ids.ids.read_text() == first


def test_programs_can_use_the_ids_file(url, ids):
    apply(url, ids)

    Codec.from_file(ids.ids)


def test_every_version_is_in_the_ids_file(url, ids):
    apply(url, ids, [subject(NAME, event="Grown")])
    changes = apply(url, ids, [subject(NAME, AGE, event="Grown")])
    entries = json.loads(ids.ids.read_text())["schemas"]

    assert changes.registered == ("test.things-test.things.Grown",)
    assert [entry["version"] for entry in entries] == [1, 2]
    assert len({entry["id"] for entry in entries}) == 2
    assert entries[1]["fingerprint"] == fingerprint_of(subject(NAME, AGE, event="Grown").schema)
    assert [len(entry["schema"]["fields"]) for entry in entries] == [1, 2]


def test_an_incompatible_schema_is_refused_and_the_ids_file_stays(url, ids):
    apply(url, ids, [subject(NAME)])
    before = ids.ids.read_text()
    without_default = {"name": "age", "type": "int"}
    with pytest.raises(UserError) as refused:
        apply(url, ids, [subject(NAME, without_default)])

    assert refused.value.code == "schema_incompatible"
    assert "Thing" in refused.value.sentence
    assert ids.ids.read_text() == before


def test_compatibility_is_checked_against_every_older_version(url, ids):
    """FULL_TRANSITIVE: what suits the newest version alone does not suffice."""
    apply(url, ids, [subject(NAME, AGE, event="Changed")])
    apply(url, ids, [subject(NAME, event="Changed")])
    with pytest.raises(UserError) as refused:
        apply(url, ids, [subject(NAME, {**AGE, "type": "string", "default": ""}, event="Changed")])

    assert refused.value.code == "schema_incompatible"


def test_what_is_no_schema_is_refused(url, ids):
    with pytest.raises(UserError) as refused:
        apply(url, ids, [subject({"name": "age", "type": "nonsense"}, event="Nonsense")])

    assert refused.value.code == "schema_invalid"


def test_a_registry_that_is_away_is_told_in_a_sentence(ids):
    with pytest.raises(UserError) as failed:
        apply(RegistrySettings(url="http://127.0.0.1:1/apis/ccompat/v7"), ids)

    assert failed.value.code == "registry_failed"


def test_the_lock_file_is_current():
    """After a meant change of the contract: `chatlog schemas lock`."""
    check_lock()


def test_documentation_does_not_change_a_fingerprint_and_a_field_does():
    plain = subject(NAME).schema

    assert fingerprint_of({**plain, "doc": "said"}) == fingerprint_of(plain)
    assert fingerprint_of(subject(NAME, AGE).schema) != fingerprint_of(plain)
    assert registry.fingerprints().keys() == {subject.name for subject in subjects()}


def test_the_registry_says_what_an_id_is_that_the_file_does_not_have(url, ids):
    apply(url, ids)
    codec = Codec.from_file(ids.ids)
    schema = {
        "type": "record",
        "name": f"Thing{uuid.uuid4().hex[:8]}",
        "namespace": "chat.queries",
        "fields": [NAME],
    }
    with RegistryClient(url) as client:
        ours = client.register(f"chat.queries-chat.queries.{schema['name']}", schema)
        other = client.register("test.other", {**schema, "namespace": "test.other"})
    look_up = SchemaIds(codec, url).look_up

    assert look_up(ours)
    assert not look_up(other)
    assert not look_up(2_000_000_000)
    with pytest.raises(BeyondRelease, match=schema["name"]):
        codec.decode(b"\x00" + ours.to_bytes(4, "big") + b"x")
    with pytest.raises(ConnectionError):
        SchemaIds(codec, RegistrySettings(url="http://127.0.0.1:1")).look_up(other)

    apply(url, ids)
    again = Codec.from_file(ids.ids)

    assert again.knows(ours)
    assert not again.knows(other)


def test_only_the_registry_itself_says_that_there_is_no_such_schema(url, ids):
    apply(url, ids)
    codec = Codec.from_file(ids.ids)
    assert not SchemaIds(codec, url).look_up(999_999)
    wrong = RegistrySettings(url=url.url.replace("ccompat", "elsewhere"))
    with pytest.raises(ConnectionError, match="404"):
        SchemaIds(codec, wrong).look_up(999_999)
