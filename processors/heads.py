"""How far conversations go: from Redis, and from Cassandra where Redis lost it.

In: users or conversations. Out: their heads, and whose answer is not whole. Theory of operation: a
head that is absent from Redis is lost (also a user's conversations without their COMPLETE mark).
Then note where the log ends *now*, wait for a bounded time until history has written that far, read
Cassandra and put it back. The caller has written its session before: a fact below those ends is
found in Cassandra, one behind them is delivered live by fan-out, so nothing falls in between
(ADR 0005). When history does not come that far in time, or Cassandra is away, the answer is what is
there, nothing is put back, and it is said not to be whole.
"""

import uuid
from collections.abc import Collection

import structlog

from events.topics import PARTITIONS, partition_of
from infra.transient import is_transient
from processors.context import Context
from processors.session_changes import UserHeads
from projections.heads.keys import COMPLETE, Head
from projections.heads.store import HeadsStore
from projections.history.store import TimelineStore
from projections.inbox.store import InboxStore

WAIT_SECONDS = 3.0
_ATTEMPTS = 3

log = structlog.get_logger()


class Heads:
    """Reads heads, and restores those that Redis lost."""

    def __init__(self, context: Context) -> None:
        self.store = HeadsStore(context.redis_pipe)
        self._timeline = TimelineStore(context.database)
        self._inbox = InboxStore(context.database)
        self._progress = context.progress

    async def of_users(
        self, users: Collection[str], *, wait_seconds: float = WAIT_SECONDS
    ) -> dict[str, UserHeads]:
        """The heads of every conversation of each user."""
        known = await self.store.conversations(users)
        lost_users = {user for user, members in known.items() if COMPLETE not in members}
        conversations = {one for members in known.values() for one in members} - {COMPLETE}
        heads = await self.store.heads(conversations)
        lost = conversations - heads.keys()
        restored = True
        if lost or lost_users:
            restored = await self._restore(lost_users, lost, known, heads, wait_seconds)
        answers = {}
        for user, members in known.items():
            found = {one: heads[one] for one in members if heads.get(one)}
            whole = restored or not (user in lost_users or members & lost)
            answers[user] = UserHeads(found, whole)
        return answers

    async def of(
        self, conversation_id: str, user_id: str, *, wait_seconds: float = WAIT_SECONDS
    ) -> int:
        """The head of one conversation of a user; 0 where it has no fact, or none that is known."""
        heads, lost = await self.store.head(conversation_id, user_id)
        if lost:
            await self._restore(set(), {conversation_id}, {}, heads, wait_seconds)
        return heads.get(conversation_id, 0)

    async def _restore(
        self,
        users: Collection[str],
        conversations: Collection[str],
        known: dict[str, set[str]],
        heads: dict[str, int],
        wait_seconds: float,
    ) -> bool:
        """Fill `known` and `heads` from Cassandra; whether it is all, and Redis has it again."""
        partitions = range(PARTITIONS) if users else {partition_of(one) for one in conversations}
        try:
            for _ in range(_ATTEMPTS):
                life = await self.store.life(uuid.uuid4().hex)
                applied = await self._progress.wait("history", partitions, wait_seconds)
                members = await self._inbox.conversations_of(users)
                for user, found in members.items():
                    known[user] |= found
                joined = {one for found in members.values() for one in found}
                lost = await self._read({*conversations, *(joined - heads.keys())})
                heads |= {one: max(seq, heads.get(one, 0)) for one, (seq, _) in lost.items()}
                if not applied:
                    return False
                written = {one: head for one, head in lost.items() if head[0]}
                if await self.store.restore(life, members, written):
                    heads |= await self.store.heads(written)
                    return True
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("heads not restored", error=f"{type(error).__name__}: {error}")
        return False

    async def _read(self, conversations: Collection[str]) -> dict[str, Head]:
        """The heads of conversations as history has them; zero where it has none."""
        newest = await self._timeline.newest(await self._timeline.newest_buckets(conversations))
        return {
            one: (newest[one].row.seq, newest[one].row.sent_at) if one in newest else (0, 0)
            for one in conversations
        }
