"""What fan-out asks for a batch: record how far conversations go, then find who is connected.

In: heads, markers and new conversations of a batch of facts, and the users it concerns. Out: the
sessions of those users whose gateway is alive. One pipelined round trip, in this order and with
nothing remembered in between, since it is half of ADR 0005: the sessions worker writes a session
and then reads heads, so one of the two always sees the other. Only the *names* of gateways are
remembered; a name met for the first time costs one more question.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from projections.heads import keys as heads_keys
from projections.heads.keys import Head, Marker
from projections.pipe import Pipe, pack
from projections.sessions.keys import Session, gateway, sessions


class RoutingStore:
    """Heads in, living sessions out."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._gateways: tuple[str, ...] = ()

    async def record_and_find(
        self,
        heads: Mapping[str, Head],
        markers: Mapping[Marker, int],
        started: Iterable[tuple[str, str]],
        users: Collection[str],
    ) -> dict[str, list[Session]]:
        """The living sessions of each user, read after everything was recorded.

        `started` are pairs of user and conversation, for conversations that begin with this batch.
        """
        asked = self._gateways
        commands = record(heads, markers, started)
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
    heads: Mapping[str, Head],
    markers: Mapping[Marker, int],
    started: Iterable[tuple[str, str]],
) -> list[bytes]:
    """The commands that record a batch; none of them ever lowers anything."""
    raised: dict[str, list[str | int]] = {}
    for conversation_id, (seq, sent_at) in heads.items():
        raised.setdefault(heads_keys.heads(conversation_id), []).extend((seq, conversation_id))
        activity = raised.setdefault(heads_keys.activity(conversation_id), [])
        activity.extend((sent_at, conversation_id))
    for marker, seq in markers.items():
        marked = raised.setdefault(heads_keys.markers(marker[0]), [])
        marked.extend((seq, heads_keys.marker(*marker)))
    commands = [pack("ZADD", key, "GT", *scores) for key, scores in raised.items()]
    commands.extend(
        pack("SADD", heads_keys.conversations(user), conversation) for user, conversation in started
    )
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
