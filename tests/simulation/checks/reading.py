"""Pages as the real reader makes them when all is at rest, against the log."""

import itertools
import json
from collections.abc import Collection, Iterator
from types import SimpleNamespace
from typing import Any

from events.members import members_of
from events.messages import MessageSent
from events.topics import CONVERSATIONS
from processors.reader import Reader
from tests.examples import history_asked, inbox_asked
from tests.simulation.cassandra import Cassandra, ImmediateDatabase
from tests.simulation.checks.registry import check
from tests.simulation.checks.seen import Seen
from tests.simulation.redis import ImmediatePipe
from tests.simulation.world import USERS, World

_LIMIT = 2


class _Progress:
    """How far groups are, at once."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def wait(self, *_: Any, **__: Any) -> bool:
        return True

    async def committed(self, group: str, partitions: Collection[int]) -> dict[int, int]:
        committed = self._world.parts.committed
        return {one: committed(group, (CONVERSATIONS.name, one)) for one in partitions}


@check("pages", "I6")
def pages(seen: Seen) -> Iterator[str]:
    """Page after page, rising and falling, members read the whole conversation, others nothing."""
    facts: dict[str, list[MessageSent]] = {}
    for fact in seen.sent:
        facts.setdefault(fact.conversation_id, []).append(fact)
    reader = _reader(seen.world)
    for conversation_id, some in facts.items():
        expected = [(fact.seq, fact.client_message_id) for fact in some]
        for user in USERS:
            for rising in (True, False):
                found = _walk(seen.world, reader, user, conversation_id, len(some), rising=rising)
                if user not in members_of(conversation_id):
                    if found is not None:
                        yield f"{user} may read {conversation_id}"
                elif found != expected:
                    yield f"{user} reads {found} of {conversation_id}, there is {expected}"


@check("inboxes", "I6")
def inboxes(seen: Seen) -> Iterator[str]:
    """Page after page, the inbox names all conversations, also those without a row as yet."""
    names: dict[str, set[str]] = {}
    for fact in seen.sent:
        for member in members_of(fact.conversation_id):
            names.setdefault(member, set()).add(fact.conversation_id)
    written = seen.world.parts.cassandra
    for user, expected in names.items():
        # The first puts back what Redis has lost; then history is as if it were far behind.
        for cassandra in (written, Cassandra()):
            found = _named(seen.world, _reader(seen.world, cassandra, late=True), user)
            if found != expected:
                yield f"the inbox of {user} names {found}, there is {expected}"
                break


def _named(world: World, reader: Reader, user: str) -> set[str]:
    """The conversations that a user's inbox names, page by page."""
    found: set[str] = set()
    cursor: str | None = None
    while True:
        request = inbox_asked(user, limit=_LIMIT, cursor=cursor)
        reading = world.parts.loop.create_task(reader.inbox(request))
        world.parts.loop.settle()
        frame = json.loads(reading.result())
        found |= {one["conversation_id"] for one in frame.get("conversations", ())}
        cursor = frame.get("next")
        if cursor is None:
            return found


def _reader(world: World, cassandra: Cassandra | None = None, *, late: bool = False) -> Reader:
    """The real reader; `late` when it is to wait for no row."""
    parts = world.parts
    context: Any = SimpleNamespace(
        redis_pipe=ImmediatePipe(parts.redis),
        database=ImmediateDatabase(cassandra or parts.cassandra),
        progress=_Progress(world),
        loop=SimpleNamespace(time=itertools.count(step=1_000).__next__) if late else parts.loop,
        new_word=parts.new_word,
    )
    return Reader(context)


def _walk(
    world: World, reader: Reader, user: str, conversation_id: str, count: int, *, rising: bool
) -> list[tuple[int, str]] | None:
    """What a user reads page by page; None when it is refused."""
    found: list[tuple[int, str]] = []
    cursor: int | None = 0 if rising else count + 1
    for _ in range(count + 1):
        request = history_asked(
            conversation_id,
            user,
            after_seq=cursor if rising else None,
            before_seq=None if rising else cursor,
            limit=_LIMIT,
        )
        reading = world.parts.loop.create_task(reader.history(request))
        world.parts.loop.settle()
        if not reading.done():  # it waits for what never comes
            reading.cancel()
            break
        page = json.loads(reading.result())
        if page["type"] == "error":
            return None
        rows = [(one["seq"], one["id"]) for one in page["events"]]
        found = found + rows if rising else rows + found
        cursor = page.get("next")
        if cursor is None:
            break
    return found
