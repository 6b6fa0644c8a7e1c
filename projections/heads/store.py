"""How far conversations go, in Redis: read for those who connect or ask, restored when lost.

What is absent is lost, not zero: it is restored from Cassandra (`processors.heads`). Restoring is
conditional on the word of LIFE, set before Cassandra is read: if Redis loses everything once more
in between, what fan-out recorded meanwhile is gone too, and what was read is too old to be put
there as if it were all.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from hashlib import sha1
from itertools import islice

from projections.heads import keys
from projections.heads.keys import Head, Marker
from projections.pipe import Pipe, pack

_WHILE_ALIVE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call(ARGV[2], KEYS[2], unpack(ARGV, 3))
return 1"""
_WHILE_ALIVE_SHA = sha1(_WHILE_ALIVE.encode()).hexdigest()
_MEMBERS_AT_ONCE = 1_000


class HeadsStore:
    """Heads, activity, markers, and whose conversations they are."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    async def conversations(self, users: Collection[str]) -> dict[str, set[str]]:
        """The known conversations of each user, with COMPLETE among them where all are known."""
        replies = await self._pipe.run(
            [pack("SMEMBERS", keys.conversations(user)) for user in users]
        )
        return {user: set(reply) for user, reply in zip(users, replies, strict=True)}

    async def heads(self, conversations: Collection[str]) -> dict[str, int]:
        """The newest seq of each conversation; absent where it is lost."""
        return await self._scores(keys.heads, conversations)

    async def head(self, conversation_id: str, user_id: str) -> tuple[dict[str, int], bool]:
        """One conversation's newest seq, and, where it is absent, whether it may be lost: a user
        whose conversations are all known has no fact in one that is not among them."""
        key = keys.conversations(user_id)
        score, listed, complete = await self._pipe.run(
            [
                pack("ZSCORE", keys.heads(conversation_id), conversation_id),
                pack("SISMEMBER", key, conversation_id),
                pack("SISMEMBER", key, keys.COMPLETE),
            ]
        )
        if score is not None:
            return {conversation_id: int(score)}, False
        return {}, bool(listed or not complete)

    async def activity(self, conversations: Collection[str]) -> dict[str, int]:
        """The time of each conversation's newest message; absent where it is lost."""
        return await self._scores(keys.activity, conversations)

    async def markers(self, members: Mapping[str, Sequence[str]]) -> dict[Marker, int]:
        """The markers of these members of conversations; absent where unknown."""
        wanted = [
            (conversation_id, user, kind)
            for conversation_id, users in members.items()
            for user in users
            for kind in ("delivered", "read")
        ]
        by_key: dict[str, list[Marker]] = {}
        for marker in wanted:
            by_key.setdefault(keys.markers(marker[0]), []).append(marker)
        replies = await self._pipe.run(
            [
                pack("ZMSCORE", key, *(keys.marker(*marker) for marker in some))
                for key, some in by_key.items()
            ]
        )
        return {
            marker: int(score)
            for some, scores in zip(by_key.values(), replies, strict=True)
            for marker, score in zip(some, scores, strict=True)
            if score is not None
        }

    async def life(self, word: str) -> str:
        """The word of this life of Redis; the given one if it had none."""
        (held,) = await self._pipe.run([pack("SET", keys.LIFE, word, "NX", "GET")])
        return word if held is None else str(held)

    async def restore(
        self, life: str, conversations: Mapping[str, Iterable[str]], heads: Mapping[str, Head]
    ) -> bool:
        """Put back what was lost: all conversations of users, and heads, which are never lowered.

        False when Redis has lost everything since `life`: then it is to be done again.
        """
        commands = [
            _if_alive(life, "SADD", keys.conversations(user), some)
            for user, ids in conversations.items()
            for some in _runs([*ids, keys.COMPLETE])
        ]
        scores: dict[str, list[str | int]] = {}
        for conversation_id, (seq, sent_at) in heads.items():
            scores.setdefault(keys.heads(conversation_id), []).extend((seq, conversation_id))
            scores.setdefault(keys.activity(conversation_id), []).extend((sent_at, conversation_id))
        commands[:0] = [
            _if_alive(life, "ZADD", key, ["GT", *some])
            for key, pairs in scores.items()
            for some in _runs(pairs)
        ]
        done = await self._pipe.run([pack("SCRIPT", "LOAD", _WHILE_ALIVE), *commands])
        return all(done[1:])

    async def _scores(
        self, key_of: Callable[[str], str], conversations: Collection[str]
    ) -> dict[str, int]:
        by_key: dict[str, list[str]] = {}
        for conversation_id in conversations:
            by_key.setdefault(key_of(conversation_id), []).append(conversation_id)
        replies = await self._pipe.run([pack("ZMSCORE", key, *ids) for key, ids in by_key.items()])
        return {
            conversation_id: int(score)
            for ids, scores in zip(by_key.values(), replies, strict=True)
            for conversation_id, score in zip(ids, scores, strict=True)
            if score is not None
        }


def _if_alive(life: str, command: str, key: str, words: Sequence[str | int]) -> bytes:
    return pack("EVALSHA", _WHILE_ALIVE_SHA, 2, keys.LIFE, key, life, command, *words)


def _runs(members: Iterable[str | int]) -> Iterable[list[str | int]]:
    left = iter(members)
    while some := list(islice(left, _MEMBERS_AT_ONCE)):
        yield some
