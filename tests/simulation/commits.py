"""Whatever a group has acknowledged has had its effects: looked at in the moment it commits.

What is acknowledged too early shows only when a process dies right after it, and even then later
records often mend it. So this is not left to what devices miss: for each record behind which a
group says that it is, the rows must be there, or the frames must be in the delivery topics of the
gateways of every session that was written before the record and is written still.
"""

from functools import cached_property
from typing import Any

from client import frames
from events.codec import Codec, DecodeError, UnknownSchema
from events.conversations import SubmissionRejected, SubmissionRepeated
from events.deliveries import FramesRouted
from events.fence import Fence
from events.members import members_of
from events.messages import MessageSent
from events.receipts import DeliveredMarkerMoved, ReadMarkerMoved
from events.snapshots import SnapshotCompleted
from events.topics import CONVERSATIONS, RECEIPTS, SNAPSHOTS, delivery_topic
from infra.log_reader import Place
from processors.snapshots import plan
from projections.history.projection import bucket_of
from projections.sessions import keys
from tests.simulation.parts import Parts
from tests.simulation.releases import newer

_CONVERSATIONS_MAX = 16

Session = tuple[str, str, str]
"""Key, device and value, as they are written in Redis."""


class Commits:
    """Looks at every commit of a world."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._fences: dict[int, Fence] = {}
        self._facts: dict[int, list[Any]] = {}
        self._written: dict[Session, dict[Place, int]] = {}
        self._delivered: dict[str, set[tuple[int, Any]]] = {}
        self._read_up_to: dict[str, int] = {}
        parts.on_commit = self.committed
        parts.redis.on_opened = self.opened
        parts.redis.on_alive = self.alive
        parts.redis.on_gone_back = self._written.clear

    def forget(self) -> None:
        """Another log begins, and everything that was made of the one before is gone."""
        for known in (self._fences, self._facts, self._written, self._delivered, self._read_up_to):
            known.clear()

    def opened(self, *session: str) -> None:
        """A session is written; where the facts and moves begin that it must be shown."""
        key, device, value = session
        self._written[key, device, value] = self._ends()

    def alive(self, gateway: str) -> None:
        """A gateway came to life; until then its sessions were shown nothing."""
        for session in self._written:
            if keys.gateway(session[2].split(keys.SEPARATOR)[0]) == gateway:
                self._written[session] = self._ends()

    def _ends(self) -> dict[Place, int]:
        return {
            place: len(records)
            for place, records in self._parts.log.partitions.items()
            if place[0] in (CONVERSATIONS.name, RECEIPTS.name)
        }

    def committed(self, group: str, place: Place, start: int, end: int) -> None:
        """A group says that everything up to here is done."""
        topic, partition = place
        if topic not in (CONVERSATIONS.name, RECEIPTS.name):
            return
        events = self._counting(partition, end) if topic == CONVERSATIONS.name else None
        if group == "snapshots" and events is not None:
            self._look_for_snapshot(partition, events[:end])
        for offset in range(start, end):
            event = self._decoded(place, offset) if events is None else events[offset]
            if event is None:
                continue
            missing = None
            if group == "history" and isinstance(event, MessageSent):
                missing = self._row_missing(event)
            elif group == "receipts":
                missing = self._move_missing(event)
            elif group == "fanout":
                missing = self._frame_missing(event, place, offset)
            if missing:
                found = f"commits: {group} is behind {offset} of {place}, and {missing}"
                self._parts.findings.append(found)

    def _look_for_snapshot(self, partition: int, events: list[Any]) -> None:
        """What snapshots acknowledges is in a snapshot, or too little to be worth one."""
        if self._parts.log_generation:  # a log was lost: its snapshots lie elsewhere
            return
        written = self._parts.log.partitions[SNAPSHOTS.name, partition]
        found = (self._codec.decode(record.value()) for record in written)
        # The highest, not the last: one that was given up may write its older one late.
        ends = (one.fact_offset for one in found if isinstance(one, SnapshotCompleted))
        newest = max(ends, default=0)
        owed = sum(event is not None for event in events[newest:])
        facts = sum(event is not None for event in events)
        if owed >= max(plan.FACTS_BETWEEN, (facts + _CONVERSATIONS_MAX) // 8):
            found = f"commits: snapshots has acknowledged {owed} facts of {partition} without one"
            self._parts.findings.append(found)

    def _counting(self, partition: int, end: int) -> list[Any]:
        """The decisions of a partition by offset; none where a record does not count."""
        fence = self._fences.setdefault(partition, Fence())
        facts = self._facts.setdefault(partition, [])
        place = (CONVERSATIONS.name, partition)
        for offset in range(len(facts), end):
            event = self._decoded(place, offset)
            counts = event is not None and fence.admits(event, offset)
            facts.append(event if counts else None)
        return facts

    @cached_property
    def _codec(self) -> Codec:
        return newer(self._parts.codec)

    def _decoded(self, place: Place, offset: int) -> Any:
        try:
            return self._codec.decode(self._parts.log.partitions[place][offset].value())
        except (DecodeError, UnknownSchema):
            return None

    def _row_missing(self, fact: MessageSent) -> str | None:
        cassandra = self._parts.cassandra
        key = (fact.conversation_id, bucket_of(fact.seq), fact.seq)
        if key not in cassandra.timeline:
            return f"there is no row {key}"
        for member in members_of(fact.conversation_id):
            if (member, fact.conversation_id) not in cassandra.joined:
                return f"{member} has no {fact.conversation_id}"
        return None

    def _move_missing(self, move: Any) -> str | None:
        kind = "read" if isinstance(move, ReadMarkerMoved) else "delivered"
        key = (move.conversation_id, move.user_id, kind, move.seq)
        return None if key in self._parts.cassandra.moves else f"there is no row {key}"

    def _frame_missing(self, event: Any, place: Place, offset: int) -> str | None:
        for (key, device, value), starts in self._written.items():
            user = key.removeprefix(keys.sessions(""))
            if offset < starts[place] or not _concerns(event, user, device):
                continue
            gateway, epoch, session_id, _ = value.split(keys.SEPARATOR)
            if (delivery_topic(gateway), 0) not in self._parts.log.partitions:
                continue  # a hostile record named a gateway that never was
            redis = self._parts.redis
            is_current = redis.held(key) and redis.held(key).get(device) == value
            if not is_current or redis.held(keys.gateway(gateway)) != epoch:
                continue
            shown = _shown(event, user, device)
            if (int(session_id), shown) not in self._frames_of(gateway, epoch):
                return f"{user}/{device} on {gateway} was not sent {shown!r}"
        return None

    def _frames_of(self, gateway: str, epoch: str) -> set[tuple[int, Any]]:
        """Session and meaning of every frame that is on its way to a gateway."""
        found = self._delivered.setdefault(f"{gateway}|{epoch}", set())
        records = self._parts.log.partitions[delivery_topic(gateway), 0]
        for record in records[self._read_up_to.get(f"{gateway}|{epoch}", 0) :]:
            event = self._codec.decode(record.value())
            if isinstance(event, FramesRouted) and event.gateway_epoch == epoch:
                for one in event.frames:
                    meaning = _meaning(frames.decode(one.frame))
                    found.update((session_id, meaning) for session_id in one.session_ids)
        self._read_up_to[f"{gateway}|{epoch}"] = len(records)
        return found


def _concerns(event: Any, user: str, device: str) -> bool:
    """Whether a device is to be shown something of an event."""
    match event:
        case MessageSent() | ReadMarkerMoved():
            return user in members_of(event.conversation_id)
        case DeliveredMarkerMoved():
            return user in members_of(event.conversation_id) and user != event.user_id
        case SubmissionRejected() | SubmissionRepeated():
            return (user, device) == (event.sender_id, event.device_id)
    return False


def _shown(event: Any, user: str, device: str) -> Any:
    """What a device is to be shown of an event."""
    match event:
        case MessageSent() | SubmissionRepeated():
            own = (user, device) == (event.sender_id, event.device_id)
            return ("accepted" if own else "event", event.conversation_id, event.seq)
        case SubmissionRejected():
            return ("rejected", event.client_message_id)
        case _:
            kind = "read" if isinstance(event, ReadMarkerMoved) else "delivered"
            return (kind, event.conversation_id, event.user_id, event.seq)


def _meaning(frame: Any) -> Any:
    match frame:
        case frames.Accepted():
            return ("accepted", frame.conversation_id, frame.seq)
        case frames.Event():
            return ("event", frame.conversation_id, frame.seq)
        case frames.Rejected():
            return ("rejected", frame.id)
        case frames.Receipt():
            return (frame.kind, frame.conversation_id, frame.user_id, frame.seq)
    return None
