"""Schemas, types and topics say the same; accepted examples round-trip, others are refused."""

import json
import typing
from collections import Counter
from importlib import resources
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from fastavro import parse_schema, schemaless_writer
from msgspec import Struct

from events.codec import EVENTS, DecodeError, plain, schema_of
from events.topics import CO_PARTITIONED, EVENT_TOPICS, GROUPS, PARTITIONS, TOPIC_OF, TOPICS
from tests.examples import codec

SCHEMAS = Path(str(resources.files("schemas")))
EXAMPLES = sorted((SCHEMAS / "examples").rglob("*.json"))


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.name.removesuffix('.json')}"


def event_of(path: Path) -> type[Struct]:
    return EVENTS[path.name.split(".")[0]]


def value_of(path: Path) -> object:
    """The example's value; bytes are written as text in JSON."""

    def to_bytes(found: dict[str, typing.Any]) -> dict[str, object]:
        binary = {name: found[name].encode() for name in ("frame", "remembered") if name in found}
        return found | binary

    return json.loads(path.read_text(), object_hook=to_bytes)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_the_type_and_its_schema_have_the_same_name_sentence_and_fields(
    event: type[Struct],
) -> None:
    schema = schema_of(event)
    subject = TOPIC_OF[event].name.removeprefix("chat.")
    assert schema["name"] == event.__name__
    assert schema["namespace"] == f"chat.{subject}"
    assert schema["doc"] == " ".join((event.__doc__ or "").split())
    _agree(event, schema)


def _agree(event: type[Struct], schema: dict[str, typing.Any]) -> None:
    fields = {field["name"]: field for field in schema["fields"]}
    assert list(fields) == list(event.__struct_fields__)
    for field in msgspec.structs.fields(event):
        written = fields[field.name]
        assert written["doc"].endswith("."), f"{event.__name__}.{field.name} needs a sentence"
        optional = field.default is not msgspec.NODEFAULT
        assert ("default" in written) == optional
        if optional:
            assert written["default"] == json.loads(msgspec.json.encode(field.default))
        kind = written["type"]
        assert (isinstance(kind, list) and kind[0] == "null") == (field.default is None)
        if not (isinstance(kind, dict) and kind["type"] == "array"):
            assert ("timestamp-millis" in json.dumps(kind)) == field.name.endswith("_at")
        else:
            item = typing.get_args(typing.get_type_hints(event)[field.name])[0]
            if isinstance(kind["items"], dict):
                _agree(item, kind["items"])


def test_every_schema_file_belongs_to_an_event_and_every_event_has_its_file() -> None:
    files = {path.relative_to(SCHEMAS).as_posix() for path in SCHEMAS.rglob("*.avsc")}
    expected = {
        f"{topic.name.removeprefix('chat.')}/{event.__name__}.avsc"
        for topic in EVENT_TOPICS
        for event in topic.events
    }
    assert files == expected


def test_every_event_is_in_exactly_one_topic() -> None:
    counted = Counter(event for topic in EVENT_TOPICS for event in topic.events)
    assert set(counted.values()) == {1}
    assert len(EVENTS) == len(counted)


def test_topics_that_decide_together_are_partitioned_alike() -> None:
    assert {topic.partitions for topic in CO_PARTITIONED} == {PARTITIONS}


def test_every_consumer_is_a_group_and_every_group_has_dead_letters() -> None:
    consumers = {group for topic in EVENT_TOPICS for group in topic.consumers} - {"edge"}
    assert consumers == set(GROUPS)
    names = {topic.name for topic in TOPICS}
    assert {f"{group}.dead" for group in GROUPS} <= names
    assert len(names) == len(TOPICS)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_every_event_has_an_accepted_and_a_refused_example(event: type[Struct]) -> None:
    mine = [path for path in EXAMPLES if event_of(path) is event]
    refused = [path for path in mine if path.name.endswith(".refused.json")]
    assert refused
    assert len(mine) > len(refused)


@pytest.mark.parametrize(
    "path", [path for path in EXAMPLES if "refused" not in path.name], ids=named
)
def test_an_accepted_example_round_trips(path: Path) -> None:
    event = msgspec.convert(value_of(path), event_of(path))
    assert codec().decode(codec().encode(event)) == event


@pytest.mark.parametrize("path", [path for path in EXAMPLES if "refused" in path.name], ids=named)
def test_a_refused_example_is_refused(path: Path) -> None:
    """Either its schema cannot hold it, or what the schema holds is no event."""
    event = event_of(path)
    header = codec().encode(_accepted(event))[:5]
    out = BytesIO(header)
    out.seek(5)
    schema = parse_schema(plain(schema_of(event)))
    try:
        schemaless_writer(out, schema, value_of(path))
    except (KeyError, TypeError, ValueError):
        return
    with pytest.raises(DecodeError) as refused:
        codec().decode(out.getvalue())
    assert refused.value.code == "invalid"


def _accepted(event: type[Struct]) -> Struct:
    path = next(path for path in EXAMPLES if event_of(path) is event and "refused" not in path.name)
    return msgspec.convert(value_of(path), event)
