"""Events to bytes and back: the only module that knows Avro.

The wire format is Confluent's: a zero byte, the schema id as four big-endian bytes, then the Avro
body of one record (no union of events). Ids are resolved when the schemas are applied to the
registry, and read here from a file. Schemas are packaged with their logical types for the world;
here instants stay plain integers (milliseconds). Every value is checked against its type on the way
in, so what decodes is well-formed.

What cannot be decoded is one of three things, and only the first may ever be passed over:
`DecodeError`, bytes that are no event; `UnknownSchema`, an id that this process has not heard of,
about which it must ask (`infra.reading`); `BeyondRelease`, an event of ours that this release does
not know, or cannot read, because a newer one wrote it (ADR 0022).

Events never change, so a worker remembers the newest small ones by their bytes: what one of its
roles wrote, or read, another need not parse again. A third of all its parsing was that. A gateway
sees every record once, and remembers none.
"""

import contextlib
import json
from collections.abc import Iterable
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException, UnknownType
from msgspec import Struct

from events.topics import EVENT_TOPICS, TOPIC_OF

_MAGIC = b"\x00"
_HEADER_BYTES = 5
_NESTED = (bytes,)
_REMEMBERED_EVENTS = 4_096
_REMEMBERED_BYTES = 2_048

EVENTS: dict[str, type[Struct]] = {
    event.__name__: event for topic in EVENT_TOPICS for event in topic.events
}
"""Every event type by its name."""

_TOPICS = frozenset(topic.name for topic in EVENT_TOPICS)
"""The namespace of an event's schema is the topic that it belongs to."""


class DecodeError(Exception):
    """Bytes that are no event; `code` is a stable word for the reason."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class UnknownSchema(Exception):
    """Bytes in our wire format under a schema id that this process has not heard of."""

    def __init__(self, schema_id: int) -> None:
        super().__init__(f"schema id {schema_id}")
        self.schema_id = schema_id


class BeyondRelease(Exception):
    """An event of ours that this release cannot read: whoever reads on would lose it."""

    def __init__(self, topic: str, event: str, schema_id: int) -> None:
        super().__init__(f"{event} of {topic}, schema id {schema_id}")
        self.topic = topic
        self.event = event
        self.schema_id = schema_id


class EncodeError(Exception):
    """An event that its schema cannot hold: a fault of the program, not of a client."""


def schema_of(event: type[Struct]) -> dict[str, Any]:
    """The packaged Avro schema of an event type, as written."""
    subject = TOPIC_OF[event].name.removeprefix("chat.")
    file = resources.files("schemas") / subject / f"{event.__name__}.avsc"
    schema: dict[str, Any] = json.loads(file.read_text())
    return schema


class Codec:
    """Encodes and decodes events under the ids of one registry.

    `ids` gives for each schema id the event's name and the schema it was written with. One that
    `remembers` parses the same bytes once. Raises ValueError when an event of the vocabulary has no
    id.
    """

    def __init__(
        self, ids: Iterable[tuple[int, str, dict[str, Any]]], *, remembers: bool = True
    ) -> None:
        self._remembered_bytes = _REMEMBERED_BYTES if remembers else -1
        self._writers: dict[type[Struct], tuple[bytes, Any, bool]] = {}
        self._readers: dict[bytes, tuple[type[Struct], Any, Any]] = {}
        self._beyond: dict[bytes, BeyondRelease] = {}
        self._newest: dict[bytes, Struct | dict[str, Any]] = {}
        self._newer: dict[bytes, Struct | dict[str, Any]] = {}
        self._file: Path | None = None
        self._file_seen: tuple[int, int, int] | None = None
        for kind in EVENTS.values():
            _learn(kind)
        self._current = {name: plain(schema_of(event)) for name, event in EVENTS.items()}
        self._parsed = {name: parse_schema(schema) for name, schema in self._current.items()}
        for schema_id, _, written in ids:
            self.learn(schema_id, written)
        missing = sorted(set(EVENTS) - {event.__name__ for event in self._writers})
        if missing:
            raise ValueError(f"no schema id for {', '.join(missing)}: apply the schemas again")

    @classmethod
    def from_file(cls, path: Path, *, remembers: bool = True) -> "Codec":
        """A codec from the ids file that applying the schemas wrote."""
        codec = cls(_entries(path), remembers=remembers)
        codec._file = path
        return codec

    def read_file_again(self) -> None:
        """Learn what is new in the ids file: schemas may have been applied since the start.

        A file that has not changed since it was read is not read again.
        """
        if self._file is None:
            return
        found = self._file.stat()
        version = (found.st_ino, found.st_mtime_ns, found.st_size)
        if version == self._file_seen:
            return
        for schema_id, _, written in _entries(self._file):
            if not self.knows(schema_id):
                self.learn(schema_id, written)
        self._file_seen = version  # only now: a file that is cut off is read again

    def knows(self, schema_id: int) -> bool:
        """Whether this is the id of an event of ours, whichever release it is of."""
        header = _header(schema_id)
        return header in self._readers or header in self._beyond

    def learn(self, schema_id: int, written: Any) -> bool:
        """Learn which schema has an id; whether it is that of an event of ours.

        A further version of an event is read from then on, by Avro's schema resolution.
        """
        name, topic = _named(written)
        if topic not in _TOPICS:
            return False
        header, event = _header(schema_id), EVENTS.get(name)
        if event is None or TOPIC_OF[event].name != topic:
            self._beyond[header] = BeyondRelease(topic, name, schema_id)
        elif plain(written) == self._current[name]:
            self._writers.setdefault(event, (header, self._parsed[name], _holds_records(event)))
            self._readers[header] = (event, self._parsed[name], None)
        else:
            try:
                parsed = parse_schema(plain(written))
            except (SchemaParseException, UnknownType, KeyError, TypeError, ValueError):
                self._beyond[header] = BeyondRelease(topic, name, schema_id)
            else:
                self._readers[header] = (event, parsed, self._parsed[name])
        return True

    def unknown(self, values: Iterable[bytes | None]) -> frozenset[int]:
        """The schema ids that decoding these would not know."""
        headers = {data[:_HEADER_BYTES] for data in values if data} - self._readers.keys()
        return frozenset(
            int.from_bytes(header[1:], "big")
            for header in headers - self._beyond.keys()
            if len(header) == _HEADER_BYTES and header[:1] == _MAGIC
        )

    def encode(self, event: Struct) -> bytes:
        """The framed bytes of an event. Raises EncodeError."""
        header, schema, nested = self._writers[type(event)]
        out = BytesIO(header)
        out.seek(_HEADER_BYTES)
        try:
            if nested:
                value = msgspec.to_builtins(event, builtin_types=_NESTED)
            else:
                value = msgspec.structs.asdict(event)
            schemaless_writer(out, schema, value)
        except (TypeError, ValueError, KeyError) as error:
            raise EncodeError(f"{type(event).__name__}: {error}") from error
        data = out.getvalue()
        if not nested:
            self._remember(data, value)
        return data

    def decode(self, data: bytes | None) -> Struct:
        """The event in the bytes. Raises DecodeError, UnknownSchema or BeyondRelease."""
        if data is None:
            raise DecodeError("no_value", "the record has no value")
        known = self._newest.get(data) or self._newer.get(data)
        if isinstance(known, Struct):
            return known
        reader = self._readers.get(data[:_HEADER_BYTES])
        if reader is None:
            raise self._unreadable(data)
        event, written, current = reader
        if known is not None:  # written here: parsed, so to speak, but not checked
            return self._checked(data, known, event)
        body = BytesIO(data)
        body.seek(_HEADER_BYTES)
        try:
            value = schemaless_reader(body, written, current)
        except Exception as error:  # fastavro raises a dozen types on malformed bytes
            if isinstance(error, SchemaResolutionError) and self._is_newer(data, event):
                raise _beyond(event, data) from error
            raise DecodeError("malformed", f"{event.__name__}: {type(error).__name__}") from error
        if body.tell() != len(data):
            raise DecodeError("malformed", f"{event.__name__}: bytes after the end of the record")
        return self._checked(data, value, event)

    def _checked(self, data: bytes, value: Any, event: type[Struct]) -> Struct:
        try:
            found = msgspec.convert(value, event)
        except msgspec.ValidationError as error:
            if self._is_newer(data, event):  # to the release that wrote it the value is a good one
                raise _beyond(event, data) from error
            raise DecodeError("invalid", f"{event.__name__}: {error}") from error
        self._remember(data, found)
        return found

    def _is_newer(self, data: bytes, event: type[Struct]) -> bool:
        """Whether this was written in a later version of the event: a registry's ids rise."""
        return data[:_HEADER_BYTES] > self._writers[event][0]

    def _unreadable(self, data: bytes) -> Exception:
        if len(data) < _HEADER_BYTES:
            return DecodeError("malformed", f"only {len(data)} bytes")
        if data[:1] != _MAGIC:
            return DecodeError("malformed", f"the first byte is {data[0]}, not 0")
        beyond = self._beyond.get(data[:_HEADER_BYTES])
        if beyond is not None:
            return BeyondRelease(beyond.topic, beyond.event, beyond.schema_id)
        return UnknownSchema(_id_in(data))

    def _remember(self, data: bytes, event: Struct | dict[str, Any]) -> None:
        if len(data) <= self._remembered_bytes:
            if len(self._newest) >= _REMEMBERED_EVENTS:
                self._newer, self._newest = self._newest, {}
            self._newest[data] = event


def plain(schema: Any) -> Any:
    """The schema without logical types and documentation: the same bytes, plain values."""
    if isinstance(schema, list):
        return [plain(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    if "logicalType" in schema:
        return schema["type"]
    return {key: plain(value) for key, value in schema.items() if key != "doc"}


def _learn(event: type[Struct]) -> None:
    """Let msgspec look at a type before threads use it.

    It does so at the first use of each; when two threads use a type for the first time at once, it
    reads what is not there yet, and the process ends with a segmentation fault (msgspec 0.22.0).
    """
    with contextlib.suppress(msgspec.ValidationError):
        msgspec.convert(None, event)


def _holds_records(event: type[Struct]) -> bool:
    return any("tuple" in str(field.type) for field in msgspec.structs.fields(event))


def _beyond(event: type[Struct], data: bytes) -> BeyondRelease:
    return BeyondRelease(TOPIC_OF[event].name, event.__name__, _id_in(data))


def _entries(path: Path) -> list[tuple[int, str, dict[str, Any]]]:
    """What the ids file says. Raises OSError, and ValueError for a file that is none."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["schemas"]
        return [(entry["id"], entry["event"], entry["schema"]) for entry in entries]
    except (KeyError, TypeError) as error:
        raise ValueError("it is not a valid file of schema ids") from error


def _named(schema: Any) -> tuple[str, str]:
    """The name and the topic of the event that a schema is of; empty where it is of none."""
    if not isinstance(schema, dict) or schema.get("type") != "record":
        return "", ""
    return str(schema.get("name", "")), str(schema.get("namespace", ""))


def _header(schema_id: int) -> bytes:
    return _MAGIC + schema_id.to_bytes(4, "big")


def _id_in(data: bytes) -> int:
    return int.from_bytes(data[1:_HEADER_BYTES], "big")
