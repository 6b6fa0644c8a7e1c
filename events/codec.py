"""Events to bytes and back: the only module that knows Avro.

The wire format is Confluent's: a zero byte, the schema id as four big-endian bytes, then the Avro
body of one record (no union of events). Ids are resolved once, when the schemas are applied to the
registry, and read here from a file; nothing talks to the registry at run time. Schemas are packaged
with their logical types for the world; here instants stay plain integers (milliseconds).
Every value is checked against its type on the way in, so what decodes is well-formed.

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


class DecodeError(Exception):
    """Bytes that are no event; `code` is a stable word for the reason."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


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
        self._newest: dict[bytes, Struct | dict[str, Any]] = {}
        self._newer: dict[bytes, Struct | dict[str, Any]] = {}
        for kind in EVENTS.values():
            _learn(kind)
        current = {name: plain(schema_of(event)) for name, event in EVENTS.items()}
        parsed = {name: parse_schema(schema) for name, schema in current.items()}
        for schema_id, name, written in ids:
            event = EVENTS.get(name)
            if event is None:
                continue
            header = _MAGIC + schema_id.to_bytes(4, "big")
            if plain(written) == current[name]:
                self._writers[event] = (header, parsed[name], _holds_records(event))
                self._readers[header] = (event, parsed[name], None)
            else:
                self._readers[header] = (event, parse_schema(plain(written)), parsed[name])
        missing = sorted(set(EVENTS) - {event.__name__ for event in self._writers})
        if missing:
            raise ValueError(f"no schema id for {', '.join(missing)}: apply the schemas again")

    @classmethod
    def from_file(cls, path: Path, *, remembers: bool = True) -> "Codec":
        """A codec from the ids file that applying the schemas wrote."""
        entries = json.loads(path.read_text())["schemas"]
        ids = ((entry["id"], entry["event"], entry["schema"]) for entry in entries)
        return cls(ids, remembers=remembers)

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
        """The event in the bytes. Raises DecodeError and nothing else."""
        if data is None:
            raise DecodeError("no_value", "the record has no value")
        known = self._newest.get(data) or self._newer.get(data)
        if isinstance(known, Struct):
            return known
        reader = self._readers.get(data[:_HEADER_BYTES])
        if reader is None:
            raise _unknown_header(data)
        event, written, current = reader
        if known is not None:  # written here: parsed, so to speak, but not checked
            return self._checked(data, known, event)
        body = BytesIO(data)
        body.seek(_HEADER_BYTES)
        try:
            value = schemaless_reader(body, written, current)
        except Exception as error:  # fastavro raises a dozen types on malformed bytes
            raise DecodeError("malformed", f"{event.__name__}: {type(error).__name__}") from error
        if body.tell() != len(data):
            raise DecodeError("malformed", f"{event.__name__}: bytes after the end of the record")
        return self._checked(data, value, event)

    def _checked(self, data: bytes, value: Any, event: type[Struct]) -> Struct:
        try:
            found = msgspec.convert(value, event)
        except msgspec.ValidationError as error:
            raise DecodeError("invalid", f"{event.__name__}: {error}") from error
        self._remember(data, found)
        return found

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


def _unknown_header(data: bytes) -> DecodeError:
    if len(data) < _HEADER_BYTES:
        return DecodeError("malformed", f"only {len(data)} bytes")
    if data[:1] != _MAGIC:
        return DecodeError("malformed", f"the first byte is {data[0]}, not 0")
    return DecodeError("unknown_schema", f"schema id {int.from_bytes(data[1:5], 'big')}")
