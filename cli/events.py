"""`chatlog events tail`: the log as a story, one sentence an event.

By default it tells what people and gateways do; heartbeats, snapshots and deliveries are left out
until their topics are named.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, Parameter
from rich.text import Text

from cli import terminal
from cli.clock import to_the_millisecond
from cli.log import Readable, Tail, instant_of, places_in, readable, settings
from cli.names import names_in
from events.conversations import WriterClaimed
from events.fence import NO_EPOCH, Fence
from events.gateways import GatewayAlive
from events.topics import (
    CONVERSATIONS,
    DELIVERIES,
    GATEWAYS,
    QUERIES,
    RECEIPTS,
    SESSIONS,
    SUBMISSIONS,
)
from infra.arguments import CountOrNone
from infra.errors import UserError
from infra.ids_file import codec_at_start

DEFAULT_TOPICS = (SUBMISSIONS, CONVERSATIONS, RECEIPTS, SESSIONS, GATEWAYS, QUERIES)
CLAIMS_TOGETHER_MS = 5_000

_COLOURS = {
    "submissions": "cyan",
    "conversations": "green",
    "receipts": "blue",
    "sessions": "magenta",
    "gateways": "magenta",
    "queries": "yellow",
    "snapshots": "bright_black",
}

app = App(name="events", help="Read the log.", result_action="return_value")


@app.command
def tail(
    *,
    topic: Annotated[
        tuple[str, ...], Parameter(help="Topics by name, also without `chat.`; or all.")
    ] = (),
    begin: Annotated[
        str,
        Parameter(
            name="--from", help="now, start, 90s, 10m, 2h, 1d (ago), or an ISO 8601 instant."
        ),
    ] = "now",
    about: Annotated[
        str, Parameter(help="Only events that name this user, conversation or message.")
    ] = "",
    count: Annotated[CountOrNone, Parameter(help="End after so many events; 0: never.")] = 0,
    follow: Annotated[bool, Parameter(help="Wait for what comes.")] = True,
    as_json: Annotated[
        bool, Parameter(name="--json", negative="", help="A JSON line each.")
    ] = False,
) -> None:
    """Show events as they happen, one sentence per event."""
    instant_ms = instant_of(begin, int(time.time() * 1000))
    known = settings()
    codec = codec_at_start(known.schemas.ids)
    console = terminal.console(soft_wrap=True)
    fences: dict[int, Fence] = {}
    claims: dict[str, int] = {}
    told = 0
    with Tail(known.kafka) as log:
        topics = log.topics()
        log.start(places_in(topics, chosen(topic, sorted(topics))), instant_ms)
        for record in log.records(follow=follow):
            found = readable(record, codec)
            if not _wanted(found, about, bool(topic)):
                continue
            if not as_json and _one_of_many_claims(found, claims):
                continue
            fenced_off = _fenced_off(found, fences)
            if as_json:
                print(json.dumps(found.as_json() | {"ignored": fenced_off}), flush=True)
            else:
                console.print(line(found, fenced_off))
            told += 1
            if told == count or not terminal.is_heard():
                return


def chosen(names: Sequence[str], existing: Sequence[str]) -> list[str]:
    """The topics that were asked for. Raises UserError for those that do not exist."""
    if not names:
        return [topic.name for topic in DEFAULT_TOPICS if topic.name in existing]
    if "all" in names:
        return [name for name in existing if name.startswith("chat.")]
    found: list[str] = []
    for name in names:
        full = name if name.startswith("chat.") else f"chat.{name}"
        matching = [one for one in existing if one == full]
        if full == DELIVERIES.name:
            matching = [one for one in existing if one.startswith(f"{full}.")]
        if not matching:
            ours = [one.removeprefix("chat.") for one in existing if one.startswith("chat.")]
            remedy = f"Choose of: {', '.join(ours)}."
            raise UserError("no_topic", f"There is no topic {full}.", remedy)
        found += matching
    return found


def line(found: Readable, fenced_off: bool) -> Text:
    """One event on a terminal."""
    at = to_the_millisecond(found.timestamp)
    name = found.topic.removeprefix("chat.")
    place = f"{name}/{found.partition}@{found.offset}"
    text = Text(f"{at}  ", style="dim")
    text.append(f"{place:<26}", style=_COLOURS.get(name.partition(".")[0], "default"))
    if found.event is None:
        text.append(found.said, style="red")
    elif fenced_off:
        text.append(f"{found.said} (ignored: its writer had been replaced)", style="strike dim")
    else:
        text.append(found.said, style="default")
    return text


def _wanted(found: Readable, about: str, named: bool) -> bool:
    if isinstance(found.event, GatewayAlive) and not named:
        return False
    return not about or about in names_in(found)


def _one_of_many_claims(found: Readable, claims: dict[str, int]) -> bool:
    """Whether this is a further partition that a writer takes over at the same time."""
    if not isinstance(found.event, WriterClaimed):
        return False
    before = claims.get(found.event.writer_id, -CLAIMS_TOGETHER_MS)
    claims[found.event.writer_id] = found.timestamp
    return found.timestamp - before < CLAIMS_TOGETHER_MS


def _fenced_off(found: Readable, fences: dict[int, Fence]) -> bool:
    """Whether readers ignore this fact. Before the first claim that was read, nobody can tell."""
    if found.topic != CONVERSATIONS.name or found.event is None:
        return False
    fence = fences.setdefault(found.partition, Fence())
    knew = fence.epoch != NO_EPOCH
    ignored = fence.ignored
    fence.admits(found.event, found.offset)
    return knew and fence.ignored > ignored
