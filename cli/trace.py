"""`chatlog trace <client message id>`: where one message is, and how long each step took.

It tells submission, fact, history row, what went to which gateway, and the receipts, each with
topic, partition, offset and the broker's time; times are milliseconds after the submission.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Annotated

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable
from cyclopts import Parameter

from cli import table, terminal
from cli.clock import to_the_millisecond
from cli.log import LogSettings, instant_of
from cli.quoting import quoted
from cli.steps import Step, summary
from cli.tracing import Trace, Tracer
from events.ids import is_client_message_id
from events.messages import MessageSent
from events.text import on_one_line
from infra import cassandra
from infra.database import Database
from infra.errors import UserError
from infra.exits import Exit
from infra.settings import CassandraSettings, KafkaSettings, SchemaSettings, load
from projections.history.store import TimelineStore
from projections.positions import offset_of

_BODY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Settings:
    kafka: KafkaSettings
    schemas: SchemaSettings
    cassandra: CassandraSettings


def trace(
    message_id: str,
    *,
    conversation: Annotated[
        str | None, Parameter(help="Its conversation, if known: then one partition is searched.")
    ] = None,
    since: Annotated[
        str, Parameter(help="How far back to search: start, 2h, 1d, or an ISO 8601 instant.")
    ] = "start",
    as_json: Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")] = False,
) -> int:
    """Show where one message is: each step with its position and time."""
    message_id = message_id.lower()
    if not is_client_message_id(message_id):
        raise UserError(
            "bad_message_id",
            f"{message_id!r} is no client message id.",
            "It is a UUID; `chatlog events tail --topic submissions --json` shows them.",
            exit_status=Exit.USAGE,
        )
    since_ms = instant_of(since, int(time.time() * 1000)) or 0
    known = load(_Settings)
    with Tracer(LogSettings(known.kafka, known.schemas)) as tracer:
        found = tracer.trace(message_id, conversation, since_ms)
    if not found.steps:
        raise UserError(
            "no_message",
            f"The log says nothing of message {message_id}.",
            "It may still be in its device's outbox, or lie before --since.",
        )
    if found.sent is not None:
        found.steps.append(asyncio.run(_row(found.sent, known.cassandra)))
    if as_json:
        print(json.dumps(_as_json(found)))
    else:
        _show(found)
    return 0


async def _row(sent: MessageSent, settings: CassandraSettings) -> Step:
    """The step of the message in history."""
    place = f"timeline({sent.conversation_id}, {sent.seq})"
    try:
        session = await asyncio.to_thread(cassandra.connect, settings)
    except (UserError, DriverException, NoHostAvailable):
        return Step("row", place, None, "Cassandra does not answer, so nobody knows")
    try:
        store = TimelineStore(Database(lambda: session))
        rows = await store.after(
            sent.conversation_id, sent.seq - 1, until=sent.seq, limit=1, body_bytes=_BODY_BYTES
        )
    finally:
        session.cluster.shutdown()
    row = next((row for row in rows if row.seq == sent.seq), None)
    if row is None:
        return Step("row", place, None, "no row yet: history is behind, or it is not running")
    agrees = (row.client_message_id, row.body) == (sent.client_message_id, sent.body)
    said = "the row agrees with the fact" if agrees else "THE ROW DIFFERS FROM THE FACT"
    return Step("row", place, None, f"{said}; written from offset {offset_of(row.position)}")


def _as_json(found: Trace) -> dict[str, object]:
    first_at = _first_at(found)
    return {
        "message_id": found.message_id,
        "conversation_id": found.sent.conversation_id if found.sent else None,
        "seq": found.sent.seq if found.sent else None,
        "steps": [step.as_json(first_at) for step in found.steps],
        "summary": summary(found.steps),
    }


def _show(found: Trace) -> None:
    console = terminal.console(soft_wrap=True)
    if found.sent is not None:
        sent = found.sent
        told = (
            f"{sent.sender_id} ({sent.device_id}) to {sent.conversation_id}, seq {sent.seq}: "
            f"{quoted(sent.body)}"
        )
        console.print(f"{on_one_line(told)}\n", markup=False)
    first_at = _first_at(found)
    rows = [_cells(step, first_at) for step in found.steps]
    table.show(console, ("after", "at", "where", "what"), rows, right={0})
    console.print(f"\n{summary(found.steps)}", markup=False)


def _cells(step: Step, first_at: int) -> tuple[str, str, str, str]:
    if step.at is None:
        return "", "", step.place, step.said
    at = to_the_millisecond(step.at)
    return f"{step.at - first_at} ms", at, step.place, step.said


def _first_at(found: Trace) -> int:
    return min((step.at for step in found.steps if step.at is not None), default=0)
