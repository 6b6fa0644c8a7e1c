"""The log as no release reads it: by the schemas that the ids file names, whoever wrote the record.

So a test sees facts of every release, and by which one's schema each was written.
"""

import json
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from fastavro import parse_schema, schemaless_reader

from events.topics import CONVERSATIONS, DEAD_LETTERS
from infra.stack.stack import Stack
from tests.live import records

_HEADER_BYTES = 5


class Fact(NamedTuple):
    """A decision that counts: its event's name and its fields, as they were written."""

    event: str
    fields: dict[str, Any]


def facts(stack: Stack, *partitions: int) -> list[Fact]:
    """The decisions of these partitions, or of all, without those of outdated writers."""
    schemas = {
        entry["id"]: (entry["event"], parse_schema(entry["schema"]))
        for entry in json.loads(Path(stack.environment()["CHAT_SCHEMA_IDS"]).read_text())["schemas"]
    }
    found: list[Fact] = []
    for partition in partitions or range(CONVERSATIONS.partitions):
        epoch = -1
        for record in records(stack, CONVERSATIONS.name, partition):
            value = record.value()
            assert value is not None
            event, schema = schemas[int.from_bytes(value[1:_HEADER_BYTES], "big")]
            fields: Any = schemaless_reader(BytesIO(value[_HEADER_BYTES:]), schema, None)
            if event == "WriterClaimed":
                epoch = max(epoch, fields["epoch"])
            elif fields["epoch"] == epoch:
                found.append(Fact(event, fields))
    return found


def messages_by_mood(stack: Stack) -> Counter[str]:
    """How many messages were decided with which mood; a release without the field gives none."""
    sent = (fact for fact in facts(stack) if fact.event == "MessageSent")
    return Counter(fact.fields.get("mood", "") for fact in sent)


def dead_letters(stack: Stack) -> list[tuple[str, Any]]:
    """What was set aside: by whom, and why."""
    return [
        (topic.name, letter.headers())
        for topic in DEAD_LETTERS
        for letter in records(stack, topic.name, 0)
    ]
