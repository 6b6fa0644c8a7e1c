"""What fan-out asks for a batch: record how far conversations go, then find who is connected.

In: heads, markers and changes of a batch of facts, and the users it concerns. Out: the sessions of
those users whose gateway is alive. One pipelined round trip, in this order and with nothing
remembered in between, since it is half of ADR 0005: heads, then the changes that point at them,
then sessions. The sessions worker writes a session and then reads changes with their heads, so one
of the two always sees the other, and whoever sees a change sees a head that is not older. A change
gets its number here, when it is recorded, and not from the log: whatever is recorded after a token
was given out is above that token, however far behind its partition is.

Only the *names* of gateways are remembered; a name met for the first time costs one more question.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha1
from typing import Any

from projections.heads import keys as heads_keys
from projections.heads.keys import Marker
from projections.pipe import Pipe, pack
from projections.sessions.keys import Session, gateway, sessions

_CHANGED = """
local count = #ARGV - 1
local before = redis.call('HINCRBY', KEYS[1], 'changes', count) - count
for at = 1, count do
    redis.call('ZADD', KEYS[at + 1], 'GT', before + at, ARGV[at + 1])
    redis.call('EXPIRE', KEYS[at + 1], ARGV[1])
end
return count"""
_CHANGED_SHA = sha1(_CHANGED.encode()).hexdigest()


class RoutingStore:
    """Heads in, living sessions out."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._gateways: tuple[str, ...] = ()

    async def record_and_find(
        self,
        heads: Mapping[str, int],
        markers: Mapping[Marker, int],
        changed: Sequence[tuple[str, str]],
        users: Collection[str],
    ) -> dict[str, list[Session]]:
        """The living sessions of each user, read after everything was recorded.

        `changed` are pairs of user and conversation in the order of their newest messages.
        """
        asked = self._gateways
        commands = record(heads, markers, changed)
        commands.extend(pack("HGETALL", sessions(user)) for user in users)
        if asked:
            commands.append(pack("MGET", *map(gateway, asked)))
        replies = await self._pipe.run(commands)
        epochs = dict(zip(asked, replies.pop(), strict=True)) if asked else {}
        rows = _rows(users, replies[len(replies) - len(users) :])
        mentioned = {row[2] for row in rows}
        if unknown := tuple(mentioned - epochs.keys()):
            (found,) = await self._pipe.run([pack("MGET", *map(gateway, unknown))])
            epochs.update(zip(unknown, found, strict=True))
        if unknown or len(mentioned) != len(asked):
            alive = {name for name, epoch in epochs.items() if epoch is not None}
            self._gateways = tuple(sorted(alive | mentioned))
        return _living(users, rows, epochs)


def record(
    heads: Mapping[str, int],
    markers: Mapping[Marker, int],
    changed: Sequence[tuple[str, str]],
) -> list[bytes]:
    """The commands that record a batch, in this order; none of them ever lowers anything."""
    raised: dict[str, list[str | int]] = {}
    for conversation_id, seq in heads.items():
        raised.setdefault(heads_keys.standing(conversation_id), []).extend((seq, heads_keys.HEAD))
    for (conversation_id, user, kind), seq in markers.items():
        key = heads_keys.standing(conversation_id)
        raised.setdefault(key, []).extend((seq, heads_keys.marker(user, kind)))
    commands = []
    for key, scores in raised.items():
        commands.append(pack("ZADD", key, "GT", *scores))
        commands.append(pack("EXPIRE", key, heads_keys.KEPT_SECONDS))
    if changed:
        places = (heads_keys.LIFE, *(heads_keys.recent(user) for user, _ in changed))
        values = [conversation for _, conversation in changed]
        kept = heads_keys.KEPT_SECONDS
        commands.append(pack("SCRIPT", "LOAD", _CHANGED))
        commands.append(pack("EVALSHA", _CHANGED_SHA, len(places), *places, kept, *values))
    return commands


_Row = tuple[str, str, str, str, str]


def _rows(users: Iterable[str], hashes: Iterable[Mapping[str, str]]) -> list[_Row]:
    """User, device, gateway, epoch and session id of each session as it was written."""
    rows = []
    for user, devices in zip(users, hashes, strict=True):
        for device, value in devices.items():
            gateway_id, epoch, session_id, _ = value.split("|")
            rows.append((user, device, gateway_id, epoch, session_id))
    return rows


def _living(
    users: Iterable[str], rows: Iterable[_Row], epochs: Mapping[str, Any]
) -> dict[str, list[Session]]:
    found: dict[str, list[Session]] = {user: [] for user in users}
    for user, device, gateway_id, epoch, session_id in rows:
        if epochs.get(gateway_id) == epoch:
            found[user].append(Session(device, gateway_id, epoch, int(session_id)))
    return found
