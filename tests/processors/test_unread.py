"""Unread, as the server shows it in an inbox: the messages of others above the read marker."""

import asyncio
import time
from random import Random
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from events.queries import UNREAD_MAX
from processors.entries import unread
from processors.reader import Reader
from projections.heads.store import HeadsStore
from projections.history.projection import project
from projections.history.store import TimelineStore
from projections.positions import write_time
from projections.routing.store import RoutingStore
from tests.examples import ANN, CONVERSATION, inbox_asked
from tests.projections.facts import sent
from tests.simulation.cassandra import Cassandra, ImmediateDatabase
from tests.simulation.redis import ImmediatePipe, Redis
from tests.unread import CASES, NAMES, SERVER_CASES, Case


async def shown(facts: str, read: int) -> dict[str, Any]:
    """The entry of Ann's inbox when these facts are written and she has said that she has read."""
    database: Any = ImmediateDatabase(Cassandra())
    pipe = ImmediatePipe(Redis(time.monotonic))
    timeline, number, newest = TimelineStore(database), 0, 0
    for seq, letter in enumerate(facts, 1):
        if letter != ".":
            number, newest = number + 1, seq
            fact = sent(seq, sender_id=NAMES[letter], message_number=number)
            await timeline.apply(project(fact, write_time(0, seq)))
    marker = {(CONVERSATION, ANN, "read"): read}
    heads = {CONVERSATION: newest}
    life = await HeadsStore(pipe).life("life")
    assert await HeadsStore(pipe).restore_recent(life, ANN, [])
    await RoutingStore(pipe).record_and_find(heads, marker, [(ANN, CONVERSATION)], ())
    context: Any = SimpleNamespace(
        redis_pipe=pipe,
        database=database,
        progress=None,
        loop=asyncio.get_running_loop(),
        new_word=lambda: "word",
    )
    frame = msgspec.json.decode(await Reader(context).inbox(inbox_asked()))
    (entry,) = frame["conversations"]
    return dict(entry)


@pytest.mark.parametrize("case", [*CASES, *SERVER_CASES], ids=lambda case: case.what)
async def test_unread_is_what_others_wrote_above_the_read_marker(case: Case) -> None:
    entry = await shown(case.facts, case.read)
    assert entry["unread"] == case.unread
    assert entry["read"] == case.read, "what one wrote moves no marker"


async def test_unread_is_what_one_would_count() -> None:
    for seed in range(150):
        random = Random(seed)
        facts = "".join(random.choices("aabbc.", k=random.randrange(1, 40))).rstrip(".") or "b"
        read = random.randrange(len(facts) + 1)
        counted = sum(letter in "bc" for letter in facts[read:])
        assert (await shown(facts, read))["unread"] == counted, (seed, facts, read)


def test_a_count_has_an_end_and_is_never_below_zero() -> None:
    assert unread(10, 4, 1) == 5
    assert unread(UNREAD_MAX + 5, 0, 0) == UNREAD_MAX
    assert unread(3, 4, 0) == 0, "a marker may be newer than the row that was read"
