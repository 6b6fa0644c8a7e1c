"""`chatlog dead list|show|replay`: records that a worker could not take, set aside with the reason.

A dead letter is known by its group and its offset in `<group>.dead`. Replaying publishes the
original key and bytes to the topic and partition they came from, with a header that says so; do it
once the cause is mended. A letter stays where it is: replaying twice publishes twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from cli.log import KAFKA_SECONDS, consumer, open_codec, readable, settings, topics_of, unreachable
from cli.story import quoted
from events.topics import DEAD_LETTERS, GROUPS
from infra.errors import UserError
from infra.log_reader import LogReader

REPLAYED_FROM = "chat-replayed-from"

AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]

app = App(name="dead", help="Records that were set aside.", result_action="return_value")


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter: where it lies, where it came from, and why."""

    group: str
    offset: int
    set_aside_at: int
    code: str
    detail: str
    topic: str
    partition: int
    source_offset: int
    source_timestamp: int
    key: bytes | None
    value: bytes | None

    def as_json(self) -> dict[str, Any]:
        """The letter for programs; its bytes in hexadecimal."""
        fields = asdict(self)
        for name in ("key", "value"):
            fields[name] = None if fields[name] is None else fields[name].hex()
        return fields


def letter_of(group: str, record: Message) -> Letter:
    """The dead letter in a record. Headers that are missing are told as unknown."""
    headers = dict(record.headers() or ())

    def text(name: str) -> str:
        found = _bytes(headers.get(f"chat-{name}"))
        return (found or b"").decode(errors="replace")

    def number(name: str) -> int:
        return int(text(name)) if text(name).lstrip("-").isdigit() else -1

    return Letter(
        group=group,
        offset=record.offset() or 0,
        set_aside_at=record.timestamp()[1],
        code=text("code") or "unknown",
        detail=text("detail"),
        topic=text("topic"),
        partition=number("partition"),
        source_offset=number("offset"),
        source_timestamp=number("timestamp"),
        key=_bytes(record.key()),
        value=_bytes(record.value()),
    )


@app.command(name="list")
def list_letters(group: str = "", *, as_json: AsJson = False) -> None:
    """List what was set aside, of one group or of all."""
    letters = list(_letters(settings().kafka.bootstrap, [group] if group else list(GROUPS)))
    if as_json:
        print(json.dumps([letter.as_json() for letter in letters]))
        return
    if not letters:
        print("Nothing was set aside.")
        return
    table = Table("group", "offset", "set aside", "from", "code", "detail", box=None)
    for letter in letters:
        source = f"{letter.topic}/{letter.partition}@{letter.source_offset}"
        cells = (letter.group, str(letter.offset), _when(letter.set_aside_at), source)
        table.add_row(*cells, letter.code, quoted(letter.detail)[1:-1])
    Console(highlight=False).print(table)


@app.command
def show(group: str, offset: int, *, as_json: AsJson = False) -> None:
    """Show one letter: where and why, and what its bytes say, if anything."""
    known = settings()
    record = _record(known.kafka.bootstrap, group, offset)
    letter = letter_of(group, record)
    found = readable(record, open_codec(known.schemas))
    if as_json:
        print(
            json.dumps(letter.as_json() | {"said": found.said, "event": found.as_json()["value"]})
        )
        return
    source = f"{letter.topic}, partition {letter.partition}, offset {letter.source_offset}"
    print(f"set aside   {_when(letter.set_aside_at)} by {letter.group}")
    print(f"because     {letter.code}: {quoted(letter.detail, 1_000)[1:-1]}")
    print(f"it was      {source}, appended {_when(letter.source_timestamp)}")
    print(f"key         {quoted(bytes(letter.key or b'').decode(errors='replace'))}")
    print(f"it says     {found.said}")
    if found.event is not None:
        print(msgspec.json.format(json.dumps(found.as_json()["value"]), indent=2))
    for start in range(0, min(len(letter.value or b""), 1_024), 32):
        print(f"{start:>10}  {(letter.value or b'')[start : start + 32].hex(' ', 4)}")


@app.command
def replay(
    group: str,
    offsets: tuple[int, ...] = (),
    /,
    *,
    all_of_them: Annotated[bool, Parameter(name="--all", negative="")] = False,
    as_json: AsJson = False,
) -> int:
    """Publish letters again to where they came from; those named, or --all of a group."""
    bootstrap = settings().kafka.bootstrap
    if all_of_them == bool(offsets):
        raise UserError(
            "which_letters",
            "Say which letters are to be replayed.",
            f"Name offsets (`chatlog dead list {group}`), or --all.",
        )
    if all_of_them:
        letters = list(_letters(bootstrap, [group]))
    else:
        letters = [letter_of(group, _record(bootstrap, group, offset)) for offset in offsets]
    outcomes = publish_again(bootstrap, letters)
    if as_json:
        print(json.dumps(outcomes))
    for outcome in () if as_json else outcomes:
        if outcome["error"] is None:
            print(f"{outcome['from']} is now {outcome['to']}.")
        else:
            print(f"{outcome['from']} was not replayed: {outcome['error']}.")
    if not outcomes:
        print("There is nothing to replay.")
    return 1 if any(outcome["error"] for outcome in outcomes) else 0


def publish_again(bootstrap: str, letters: list[Letter]) -> list[dict[str, str | None]]:
    """Publish the original bytes of each letter; what became of each, confirmed."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
            "message.timeout.ms": int(KAFKA_SECONDS * 1000),
            "allow.auto.create.topics": False,
            "log_level": 0,
        }
    )
    reader = consumer(bootstrap)
    try:
        places = topics_of(reader, bootstrap)
    finally:
        reader.close()
    outcomes: list[dict[str, str | None]] = []
    for letter in letters:
        origin = f"{letter.group}.dead@{letter.offset}"
        outcome: dict[str, str | None] = {"from": origin, "to": None, "error": "no confirmation"}
        outcomes.append(outcome)
        if not letter.topic or letter.partition < 0:
            outcome["error"] = "its headers do not say where it came from"
            continue
        if letter.partition not in places.get(letter.topic, ()):
            outcome["error"] = f"{letter.topic}, partition {letter.partition}, is no more"
            continue

        def confirmed(
            error: KafkaError | None, record: Message, outcome: dict[str, str | None] = outcome
        ) -> None:
            outcome["error"] = None if error is None else error.str()
            if error is None:
                outcome["to"] = f"{record.topic()}/{record.partition()}@{record.offset()}"

        producer.produce(
            letter.topic,
            value=letter.value,
            key=letter.key,
            partition=letter.partition,
            headers=[(REPLAYED_FROM, origin.encode())],
            on_delivery=confirmed,
        )
    producer.flush(KAFKA_SECONDS * 2)
    return outcomes


def _letters(bootstrap: str, groups: list[str]) -> Iterator[Letter]:
    for group in groups:
        topic = _topic_of(group)
        for record in _read(bootstrap, topic, 0, None):
            yield letter_of(group, record)


def _record(bootstrap: str, group: str, offset: int) -> Message:
    for record in _read(bootstrap, _topic_of(group), offset, offset + 1):
        return record
    raise UserError(
        "no_letter",
        f"{group}.dead holds nothing at offset {offset}.",
        f"See `chatlog dead list {group}`.",
    )


def _read(bootstrap: str, topic: str, start: int, end: int | None) -> list[Message]:
    _check_there_is(bootstrap, topic)
    try:
        with LogReader(bootstrap) as reader:
            place = (topic, 0)
            first, behind_last = reader.ends([place])[place]
            start = max(first, start)
            end = behind_last if end is None else min(end, behind_last)
            return list(reader.read({place: (start, end)}))
    except (KafkaException, TimeoutError) as error:
        raise unreachable(bootstrap, error) from error


def _check_there_is(bootstrap: str, topic: str) -> None:
    reader = consumer(bootstrap)
    try:
        if topic not in topics_of(reader, bootstrap):
            raise UserError(
                "no_topic", f"There is no topic {topic}.", "Run `chatlog topics apply`."
            )
    finally:
        reader.close()


def _topic_of(group: str) -> str:
    topic = f"{group}.dead"
    if topic not in {known.name for known in DEAD_LETTERS}:
        raise UserError(
            "no_group", f"There is no group {group!r}.", f"Groups: {', '.join(GROUPS)}."
        )
    return topic


def _bytes(content: str | bytes | None) -> bytes | None:
    return content.encode() if isinstance(content, str) else content


def _when(milliseconds: int) -> str:
    if milliseconds < 0:
        return "at an unknown time"
    return datetime.fromtimestamp(milliseconds / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
