"""Reads everything after a run, when all was healed and the load has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from confluent_kafka import Message
from msgspec import Struct

from chaos.evidence_form import Evidence, Fact, Letter, Move
from chaos.faults.poison import digest_of
from chaos.lab import Lab
from events import receipts
from events.codec import Codec, DecodeError, UnknownSchema
from events.fence import Fence
from events.messages import MessageSent
from events.topics import CONVERSATIONS, GROUPS, RECEIPTS, Topic
from infra import cassandra
from infra.database import Database
from infra.errors import UserError
from infra.ids_file import codec_at_start
from infra.lag import TOPICS_READ, LagReader
from infra.log_reader import LogReader, place_of
from infra.settings import CassandraSettings, KafkaSettings, load
from projections.history.store import TimelineStore
from replay import verify
from replay.models import MODELS

CAUGHT_UP_SECONDS = 60.0
_PAGE = 500
_PAGE_BYTES = 1 << 20


async def gather(lab: Lab, unsettled: list[int]) -> Evidence:
    """Facts, rows, moves, dead letters, lags, and each read model beside the log."""
    environment = lab.stack.environment()
    settings = load(verify.Settings, environment)
    codec = codec_at_start(settings.schemas.ids)
    differences = {model: await _difference(model, settings) for model in MODELS}
    facts, moves, letters = await asyncio.to_thread(_read_log, settings.kafka, codec)
    return Evidence(
        facts=facts,
        rows=await _rows(settings.cassandra, {fact.conversation for fact in facts}),
        moves=moves,
        letters=letters,
        planted=lab.planted,
        lag=await asyncio.to_thread(_lag, settings.kafka),
        differences=differences,
        unsettled=unsettled,
    )


async def _difference(model: str, settings: verify.Settings) -> str:
    try:
        found = await verify.verify(model, settings, wait_seconds=CAUGHT_UP_SECONDS)
    except UserError as error:
        return error.sentence
    return "" if found.equal else "; ".join(found.lines())


def _lag(kafka: KafkaSettings) -> dict[str, int]:
    """What is left after some time to catch up."""
    reader = LagReader(kafka)
    reader.seconds_until_caught_up(TOPICS_READ, CAUGHT_UP_SECONDS)
    return reader.lags(TOPICS_READ)


def _read_log(kafka: KafkaSettings, codec: Codec) -> tuple[list[Fact], list[Move], list[Letter]]:
    with LogReader(kafka) as reader:
        return (
            list(_facts(reader, codec)),
            list(_moves(reader, codec)),
            [letter for group in GROUPS for letter in _letters(reader, group)],
        )


def _facts(reader: LogReader, codec: Codec) -> Iterator[Fact]:
    fences = {partition: Fence() for partition in range(CONVERSATIONS.partitions)}
    for record, event in _events(reader, codec, CONVERSATIONS):
        _, partition, offset = place_of(record)
        if fences[partition].admits(event, offset) and isinstance(event, MessageSent):
            yield Fact(event.conversation_id, event.seq, event.sender_id, event.body)


def _moves(reader: LogReader, codec: Codec) -> Iterator[Move]:
    for _, event in _events(reader, codec, RECEIPTS):
        if isinstance(event, receipts.Move):
            yield Move(event.conversation_id, event.user_id, event.kind, event.seq)


def _letters(reader: LogReader, group: str) -> Iterator[Letter]:
    for record in _records(reader, f"{group}.dead", partitions=1):
        headers = {name: _text(value) for name, value in list(record.headers() or ())}
        yield Letter(
            group,
            headers["chat-topic"],
            int(headers["chat-partition"]),
            int(headers["chat-offset"]),
            digest_of(record.value()),
            headers["chat-code"],
        )


def _events(reader: LogReader, codec: Codec, topic: Topic) -> Iterator[tuple[Message, Struct]]:
    for record in _records(reader, topic.name, topic.partitions):
        try:
            yield record, codec.decode(record.value())
        except (DecodeError, UnknownSchema):
            continue  # poison, which has a check of its own


def _records(reader: LogReader, topic: str, partitions: int) -> Iterator[Message]:
    """Every record of a topic, partition by partition, so that each keeps its order."""
    for partition in range(partitions):
        place = (topic, partition)
        yield from reader.read({place: reader.ends([place])[place]})


async def _rows(settings: CassandraSettings, conversations: Iterable[str]) -> list[Fact]:
    session = await asyncio.to_thread(cassandra.connect, settings)
    try:
        store = TimelineStore(Database(lambda: session))
        found: list[Fact] = []
        for conversation in sorted(conversations):
            after = 0
            while page := await store.after(
                conversation, after, until=after + _PAGE, limit=_PAGE, body_bytes=_PAGE_BYTES
            ):
                found += (Fact(conversation, row.seq, row.sender_id, row.body) for row in page)
                after = page[-1].seq
        return found
    finally:
        await asyncio.to_thread(session.cluster.shutdown)


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else ""
