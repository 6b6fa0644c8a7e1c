"""How far conversations go and which changed last, in Redis: read for those who ask, restored.

What is absent is lost, not zero: it is restored from Cassandra (`processors.heads`). Restoring is
conditional on the word of LIFE, read before Cassandra is: if Redis loses everything once more in
between, what fan-out recorded meanwhile is gone too, and what was read is too old to be put there
as if it were all.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha1
from typing import NamedTuple

from events.receipts import MARKER_KINDS
from projections.heads import keys
from projections.heads.keys import Marker
from projections.heads.places import Cursor, Token
from projections.pieces import in_pieces
from projections.pipe import Pipe, pack

# One user's newest changes with the heads of their conversations, as they are at one instant. A
# token is believed from the mark on, a cursor under the same mark; both only in the life they name.
_NEWEST = """
local word = redis.call('HGET', KEYS[1], 'word')
if not word then
    word = ARGV[1]
    redis.call('HSET', KEYS[1], 'word', word)
end
local mark = redis.call('ZSCORE', KEYS[2], '.')
local known = mark and ARGV[4] == word
local since, below = '-inf', '+inf'
if known and ARGV[5] ~= '' and tonumber(ARGV[5]) >= tonumber(mark) then since = '(' .. ARGV[5] end
if known and ARGV[6] == mark then below = '(' .. ARGV[7] end
local found = redis.call(
    'ZRANGE', KEYS[2], below, since, 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
local heads = {}
for at = 1, #found, 2 do
    table.insert(heads, redis.call('ZSCORE', ARGV[3] .. found[at], 'head') or '')
end
local changes = redis.call('HGET', KEYS[1], 'changes') or '0'
return {word, changes, mark or '', since, below, found, heads}"""
_RESTORE_HEADS = """
if redis.call('HGET', KEYS[1], 'word') ~= ARGV[1] then return 0 end
for at = 2, #KEYS do
    redis.call('ZADD', KEYS[at], 'GT', ARGV[at + 1], 'head')
    redis.call('EXPIRE', KEYS[at], ARGV[2])
end
return 1"""
_RESTORE_RECENT = """
if redis.call('HGET', KEYS[1], 'word') ~= ARGV[1] then return 0 end
local count = #ARGV - 2
local before = redis.call('HINCRBY', KEYS[1], 'changes', count) - count
for at = 1, count do redis.call('ZADD', KEYS[2], 'GT', before + at, ARGV[at + 2]) end
redis.call('EXPIRE', KEYS[2], ARGV[2])
return before + 1"""
_COMPLETE = """
if redis.call('HGET', KEYS[1], 'word') ~= ARGV[1] then return 0 end
redis.call('ZADD', KEYS[2], 'GT', ARGV[3], '.')
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1"""
_SCRIPTS = (_NEWEST, _RESTORE_HEADS, _RESTORE_RECENT, _COMPLETE)
_NEWEST_SHA, _RESTORE_HEADS_SHA, _RESTORE_RECENT_SHA, _COMPLETE_SHA = (
    sha1(script.encode()).hexdigest() for script in _SCRIPTS
)
_AT_ONCE = 500

ASKS_AT_ONCE = 40
"""How many are read, or answered, before the event loop gets to something else. Each may bring 200
conversations, and thousands of devices may come at once."""


class Wanted(NamedTuple):
    """Whose newest changes are asked for, how many, and where they begin and end."""

    user_id: str
    limit: int
    since: Token | None = None
    cursor: Cursor | None = None


class Recent(NamedTuple):
    """What is known of an ask: conversations, the newest change first, each with its number."""

    life: str
    mark: int | None
    """From which change on all are known; none when the index is lost."""
    newest: int
    """Every change up to this number was recorded before this was read."""
    since: int | None
    """Changes up to this one were told before, as a token says that is believed."""
    continues: bool
    """Whether the cursor was believed."""
    changes: Sequence[tuple[str, int]]
    heads: Mapping[str, int]
    """Where a conversation lacks one, it is lost."""


class HeadsStore:
    """Heads, markers, and which conversations of a user changed last."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    async def recent(self, asks: Sequence[Wanted], word: str) -> list[Recent]:
        """What is known of each ask; `word` begins a new life where there is none."""
        load = pack("SCRIPT", "LOAD", _NEWEST)
        found: list[Recent] = []
        for some in in_pieces(asks, ASKS_AT_ONCE):
            _, *replies = await self._pipe.run([load, *(_newest(ask, word) for ask in some)])
            found += (_recent(ask, *reply) for ask, reply in zip(some, replies, strict=True))
        return found

    async def head(self, conversation_id: str, user_id: str) -> int | None:
        """One conversation's newest seq; 0 where a whole index lacks it, none where it is lost."""
        key = keys.recent(user_id)
        score, listed, complete = await self._pipe.run(
            [
                pack("ZSCORE", keys.standing(conversation_id), keys.HEAD),
                pack("ZSCORE", key, conversation_id),
                pack("ZSCORE", key, keys.COMPLETE),
            ]
        )
        if score is not None:
            return int(score)
        return 0 if complete is not None and listed is None else None

    async def markers(self, members: Mapping[str, Sequence[str]]) -> dict[Marker, int]:
        """The markers of these members of conversations; absent where unknown."""
        wanted = {
            conversation_id: [
                (conversation_id, user, kind) for user in users for kind in MARKER_KINDS
            ]
            for conversation_id, users in members.items()
            if users
        }
        replies = await self._pipe.run(
            [
                pack("ZMSCORE", keys.standing(one), *(keys.marker(*mark[1:]) for mark in some))
                for one, some in wanted.items()
            ]
        )
        return {
            marker: int(score)
            for some, scores in zip(wanted.values(), replies, strict=True)
            for marker, score in zip(some, scores, strict=True)
            if score is not None
        }

    async def life(self, word: str) -> str:
        """The word of this life of Redis; the given one if it had none."""
        _, held = await self._pipe.run(
            [pack("HSETNX", keys.LIFE, "word", word), pack("HGET", keys.LIFE, "word")]
        )
        return str(held)

    async def restore_heads(self, life: str, heads: Mapping[str, int]) -> bool:
        """Put lost heads back; none is lowered. False when Redis lost everything since `life`."""
        commands = [
            pack(
                "EVALSHA",
                _RESTORE_HEADS_SHA,
                len(some) + 1,
                keys.LIFE,
                *map(keys.standing, some),
                life,
                keys.KEPT_SECONDS,
                *(heads[one] for one in some),
            )
            for some in in_pieces(list(heads), _AT_ONCE)
        ]
        _, *done = await self._pipe.run([pack("SCRIPT", "LOAD", _RESTORE_HEADS), *commands])
        return all(done)

    async def restore_recent(self, life: str, user_id: str, oldest_first: Sequence[str]) -> bool:
        """Put the index of a user's conversations back. False as above."""
        key = keys.recent(user_id)
        commands = [
            pack(
                "EVALSHA",
                _RESTORE_RECENT_SHA,
                2,
                keys.LIFE,
                key,
                life,
                keys.KEPT_SECONDS,
                *some,
            )
            for some in list(in_pieces(oldest_first, _AT_ONCE)) or [()]
        ]
        _, *numbers = await self._pipe.run([pack("SCRIPT", "LOAD", _RESTORE_RECENT), *commands])
        if not all(numbers):
            return False
        place = (2, keys.LIFE, key, life, keys.KEPT_SECONDS, int(numbers[0]) - 1)
        load = pack("SCRIPT", "LOAD", _COMPLETE)
        _, done = await self._pipe.run([load, pack("EVALSHA", _COMPLETE_SHA, *place)])
        return bool(done)


def _newest(ask: Wanted, word: str) -> bytes:
    cursor, since = ask.cursor, ask.since
    place: tuple[str | int, ...] = ("", "", "", "")
    if cursor is not None:
        told = "" if cursor.since is None else cursor.since
        place = (cursor.life, told, cursor.mark, cursor.below)
    elif since is not None:
        place = (since.life, since.change, "", "")
    return pack(
        "EVALSHA",
        _NEWEST_SHA,
        2,
        keys.LIFE,
        keys.recent(ask.user_id),
        word,
        ask.limit + 2,  # one tells that there are more, and one may be the mark
        keys.STANDING,
        *place,
    )


def _recent(
    ask: Wanted,
    life: str,
    changes: str,
    mark: str,
    since: str,
    below: str,
    found: Sequence[str],
    heads: Sequence[str],
) -> Recent:
    continues = below != "+inf"
    newest = ask.cursor.newest if continues and ask.cursor is not None else int(changes)
    listed = [
        (one, int(number))
        for one, number in zip(found[::2], found[1::2], strict=True)
        if one != keys.COMPLETE
    ]
    known = {one: int(head) for one, head in zip(found[::2], heads, strict=True) if head}
    return Recent(
        life,
        int(mark) if mark else None,
        newest,
        int(since[1:]) if since.startswith("(") else None,
        continues,
        listed,
        known,
    )
