"""How far conversations go: from Redis, and from Cassandra where Redis lost it.

In: whose newest changes are asked for, and from where to where. Out: heads, and what follows them.
Theory of operation. An answer is read from Redis at one instant: the user's index of changes, from
the newest down to those that a token covers, at most as many as were asked for. An index without
its COMPLETE mark, or a conversation in it without a head, is lost. Then note where the log ends
*now*, wait for a bounded time until history has written that far, read Cassandra (seqs and times,
no bodies), put it back and read Redis once more. The caller has written its session before: a fact
below those ends is found in Cassandra, one behind them is delivered live by fan-out, so nothing
falls in between (ADR 0005). When history does not come that far in time, or Cassandra is away, the
answer is what is there, nothing is put back, and it is said not to be whole.
"""

import asyncio
from collections.abc import Collection, Sequence

import structlog

from events.topics import PARTITIONS, partition_of
from infra.transient import is_transient
from processors.context import Context
from processors.session_changes import UserHeads
from projections.heads.places import Cursor, Token
from projections.heads.store import ASKS_AT_ONCE, HeadsStore, Recent, Wanted
from projections.history.store import TimelineStore
from projections.inbox.store import InboxStore
from projections.pieces import in_pieces

WAIT_SECONDS = 3.0
_ATTEMPTS = 3
_READ_AT_ONCE = 500

log = structlog.get_logger()


class Heads:
    """Reads heads, and restores those that Redis lost."""

    def __init__(self, context: Context) -> None:
        self.store = HeadsStore(context.redis_pipe)
        self._timeline = TimelineStore(context.database)
        self._inbox = InboxStore(context.database)
        self._progress = context.progress
        self._new_word = context.new_word

    async def answers(
        self, asks: Sequence[Wanted], *, restore: bool = True
    ) -> dict[Wanted, UserHeads]:
        """The answer to each ask. Without `restore` nothing is waited for but Redis."""
        absent: set[str] = set()
        for attempt in range(_ATTEMPTS + 1):
            found = await self.store.recent(asks, self._new_word())
            by_ask = dict(zip(asks, found, strict=True))
            users = {ask.user_id for ask, recent in by_ask.items() if recent.mark is None}
            lost = {one for recent in found for one in _lost(recent)} - absent
            if not (users or lost) or not restore or attempt == _ATTEMPTS:
                break
            restored = await self._restore(users, lost, WAIT_SECONDS)
            if restored is None:
                break
            absent |= restored
        answers: dict[Wanted, UserHeads] = {}
        for some in in_pieces(list(by_ask.items()), ASKS_AT_ONCE):
            if answers:
                await asyncio.sleep(0)
            for ask, recent in some:
                answers[ask] = answer_of(ask, recent, whole=not _lost(recent) - absent)
        return answers

    async def of(self, conversation_id: str, user_id: str) -> int | None:
        """The head of one conversation of a user: 0 where it has no fact, None while unknown."""
        for _ in range(_ATTEMPTS):
            head = await self.store.head(conversation_id, user_id)
            if head is not None:
                return head
            absent = await self._restore(set(), {conversation_id}, WAIT_SECONDS)
            if absent is None:
                return None
            if conversation_id in absent:
                return 0
        return None

    async def _restore(
        self, users: Collection[str], conversations: Collection[str], wait_seconds: float
    ) -> set[str] | None:
        """Put indexes and heads back; the conversations that have no fact. None: not now."""
        partitions = range(PARTITIONS) if users else {partition_of(one) for one in conversations}
        try:
            life = await self.store.life(self._new_word())
            if not await self._progress.wait("history", partitions, wait_seconds):
                return None
            read = await self._put_heads(life, list(conversations))
            if read is None:
                return None
            for user, joined in (await self._inbox.conversations_of(users)).items():
                theirs = await self._put_heads(life, sorted(joined))
                if theirs is None:
                    return None
                oldest_first = sorted(theirs, key=lambda one: (theirs[one][1], one))
                await self.store.restore_recent(life, user, oldest_first)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("heads not restored", error=f"{type(error).__name__}: {error}")
            return None
        return set(conversations) - read.keys()

    async def _put_heads(
        self, life: str, conversations: Sequence[str]
    ) -> dict[str, tuple[int, int]] | None:
        """Heads and their times as history has them, put back; none when Redis lost all again."""
        found: dict[str, tuple[int, int]] = {}
        for some in in_pieces(conversations, _READ_AT_ONCE):
            read = await self._timeline.heads(some)
            if not await self.store.restore_heads(life, {one: read[one][0] for one in read}):
                return None
            found |= read
        return found


def answer_of(ask: Wanted, recent: Recent, *, whole: bool = True) -> UserHeads:
    """What is told of an ask: one page, and how it goes on. Pure."""
    listed = recent.changes[: ask.limit]
    heads = {one: recent.heads[one] for one, _ in listed if one in recent.heads}
    if not whole or recent.mark is None:
        return UserHeads(heads, whole=False)
    if len(recent.changes) > ask.limit:
        below = listed[-1][1]
        cursor = Cursor(recent.life, recent.mark, below, recent.since, recent.newest)
        return UserHeads(heads, next_cursor=str(cursor))
    return UserHeads(heads, token=str(Token(recent.life, recent.newest)))


def _lost(recent: Recent) -> set[str]:
    return {one for one, _ in recent.changes} - recent.heads.keys()
