"""What a question is answered with when not everything can be known."""

import asyncio
import itertools
import time
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from events.members import members_of
from processors.heads import Heads
from processors.reader import Reader
from projections.heads.store import HeadsStore, Wanted
from projections.history.projection import project
from projections.history.store import TimelineStore
from projections.positions import write_time
from tests.examples import ANN, CONVERSATION, history_asked, inbox_asked
from tests.projections.facts import sent
from tests.simulation.cassandra import Cassandra, ImmediateDatabase
from tests.simulation.redis import ImmediatePipe, Redis

FACTS = 3


class Behind:
    """History is behind, or has come to the end of the log."""

    def __init__(self, is_behind: bool) -> None:
        self.is_behind = is_behind

    async def wait(self, *_: object) -> bool:
        return not self.is_behind

    async def committed(self, *_: object) -> dict[int, int]:
        return dict.fromkeys(range(64), 0)


async def lost_head(facts: int, *, is_behind: bool, listed: bool = False) -> Any:
    """The context of a reader when Redis has lost the head of a conversation of so many facts.

    `listed`: its entry in the user's index lives on.
    """
    database: Any = ImmediateDatabase(Cassandra())
    timeline = TimelineStore(database)
    for seq in range(1, facts + 1):
        await timeline.apply(project(sent(seq, message_number=seq), write_time(0, seq)))
    pipe = ImmediatePipe(Redis(time.monotonic))
    store = HeadsStore(pipe)
    life = await store.life("life")
    if listed:
        assert await store.restore_recent(life, ANN, [CONVERSATION])
    return SimpleNamespace(
        redis_pipe=pipe,
        database=database,
        progress=Behind(is_behind),
        loop=asyncio.get_running_loop(),
        new_word=lambda: "word",
    )


async def page(*, facts: int, is_behind: bool, **where: int) -> dict[str, Any]:
    """The answer to a question about it."""
    context = await lost_head(facts, is_behind=is_behind)
    asked = history_asked(CONVERSATION, **where)
    return dict(msgspec.json.decode(await Reader(context).history(asked)))


@pytest.mark.parametrize("where", [{"after_seq": 0}, {"before_seq": 200}])
async def test_a_conversation_whose_end_is_not_known_is_not_said_to_be_empty(
    where: dict[str, int],
) -> None:
    frame = await page(facts=FACTS, is_behind=True, **where)
    assert (frame["type"], frame["code"]) == ("error", "unavailable")


@pytest.mark.parametrize("where", [{"after_seq": 0}, {"before_seq": 200}])
async def test_it_is_answered_from_history_once_that_is_there(where: dict[str, int]) -> None:
    frame = await page(facts=FACTS, is_behind=False, **where)
    assert [event["seq"] for event in frame["events"]] == [1, 2, 3]


async def test_a_conversation_without_a_fact_is_empty() -> None:
    frame = await page(facts=0, is_behind=False, after_seq=0)
    assert (frame["type"], frame["events"], frame["next"]) == ("page", [], None)


async def test_a_conversation_whose_head_is_lost_is_restored_not_empty() -> None:
    """Its entry in the user's index lives on: each key of Redis ends by itself."""
    context = await lost_head(FACTS, is_behind=False, listed=True)
    wanted = Wanted(ANN, 50)
    answer = (await Heads(context).answers([wanted]))[wanted]
    assert answer.whole
    assert answer.heads == {CONVERSATION: FACTS}


@pytest.mark.parametrize("written", [0, FACTS - 1, FACTS])
async def test_the_inbox_names_a_conversation_whose_rows_are_not_written_yet(
    written: int,
) -> None:
    context = await lost_head(written, is_behind=True, listed=True)
    context.loop = SimpleNamespace(time=itertools.count(step=1_000).__next__)  # nobody waits
    store = HeadsStore(context.redis_pipe)
    assert await store.restore_heads(await store.life("life"), {CONVERSATION: FACTS})
    frame = msgspec.json.decode(await Reader(context).inbox(inbox_asked()))
    (item,) = frame["conversations"]
    assert (item["conversation_id"], item["seq"]) == (CONVERSATION, FACTS)
    assert item["newest"]["seq"] == written if written else item["newest"] is None
    assert {one["user_id"] for one in item["receipts"]} == set(members_of(CONVERSATION))
