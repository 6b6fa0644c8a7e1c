"""What must hold when a world has come to rest: the promises of docs/invariants.md, one by one.

Each check looks at the log, at the stores and at the devices from outside, and gives sentences that
begin with the promise's name. None of them uses the code that it checks, but for the fence and the
projections, which are folded from the log once more.
"""

from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from events.codec import DecodeError
from events.conversations import MessageSent, SubmissionRejected, SubmissionRepeated
from events.fence import Fence
from events.frames import CloseCode
from events.ids import members_of
from events.receipts import DeliveredMarkerMoved, ReadMarkerMoved
from events.submissions import MessageSubmitted
from events.topics import CONVERSATIONS, QUERIES, RECEIPTS, SUBMISSIONS
from processors.admission.decider import Place, decide
from processors.admission.state import PartitionState, evolve
from projections.cells import Cell, Key, fold
from projections.history import projection as history
from projections.inbox import projection as inbox
from projections.positions import write_time
from projections.receipts import projection as receipts
from replay.compare import compare
from tests.simulation.device import Device
from tests.simulation.kafka import Record
from tests.simulation.parts import CODEC
from tests.simulation.world import World

Fact = MessageSent | SubmissionRejected | SubmissionRepeated

_NEWEST = 1 << 60
_CLOSES = (0, CloseCode.TOO_SLOW, CloseCode.TOKEN_EXPIRED, CloseCode.NOT_AUTHENTICATED)
"""How a gateway may close the socket of a device that does no harm."""


def violations(world: World) -> list[str]:
    """Everything that does not hold."""
    facts = list(_facts(world))
    sent = [fact for _, fact in facts if isinstance(fact, MessageSent)]
    return [
        *world.parts.findings,
        *world.parts.loop.faults,
        *_loss(world, sent),
        *_doubles(world, sent),
        *_order(world, sent),
        *_holes(world, sent),
        *_receipts(world, sent),
        *_membership(world, sent),
        *_replay(world, facts),
        *_determinism(world, facts),
        *_conservation(world),
        *_bounds(world),
        *_closes(world),
    ]


def _decoded(record: Record) -> Struct | None:
    try:
        return CODEC.decode(record.value())
    except DecodeError:
        return None


def _facts(world: World) -> Iterator[tuple[Record, Fact]]:
    """The decisions that count, partition after partition."""
    for number in range(CONVERSATIONS.partitions):
        fence = Fence()
        for record in world.parts.log.partitions[CONVERSATIONS.name, number]:
            event = _decoded(record)
            if event is not None and fence.admits(event, record.at):
                yield record, event  # type: ignore[misc]


def _written(world: World) -> Iterator[tuple[Device, str, list[str]]]:
    for device in world.devices:
        for other, bodies in device.written.items():
            yield device, "d:" + ":".join(sorted((device.user_id, other))), bodies


def _loss(world: World, sent: list[MessageSent]) -> Iterator[str]:
    """What was written, and above all what was accepted, is a fact."""
    seqs = {fact.body: fact.seq for fact in sent}
    for device, conversation_id, bodies in _written(world):
        for body in bodies:
            if body not in seqs:
                yield f"loss: {body!r} was written to {conversation_id} and is no fact"
        for body, seq in device.accepted.items():
            if body in seqs and seqs[body] != seq:
                yield f"loss: {body!r} was accepted as {seq} and is {seqs[body]}"


def _doubles(world: World, sent: list[MessageSent]) -> Iterator[str]:
    for body, count in Counter(fact.body for fact in sent).items():
        if count > 1:
            yield f"doubles: {body!r} is {count} facts"


def _order(world: World, sent: list[MessageSent]) -> Iterator[str]:
    by_conversation: dict[str, list[MessageSent]] = {}
    for fact in sent:
        by_conversation.setdefault(fact.conversation_id, []).append(fact)
    for conversation_id, facts in by_conversation.items():
        if [fact.seq for fact in facts] != list(range(1, len(facts) + 1)):
            yield f"order: {conversation_id} has seqs {[fact.seq for fact in facts]}"
        times = [fact.sent_at for fact in facts]
        if times != sorted(times):
            yield f"order: time runs back in {conversation_id}"
    for device, conversation_id, bodies in _written(world):
        mine = [
            fact.body for fact in by_conversation.get(conversation_id, ()) if fact.body in bodies
        ]
        if list(dict.fromkeys(mine)) != [body for body in bodies if body in mine]:
            yield f"order: {device.user_id}/{device.device_id} wrote {bodies}, it is {mine}"


def _holes(world: World, sent: list[MessageSent]) -> Iterator[str]:
    """Every device was handed every message of its conversations, once, in order."""
    for device in world.devices:
        expected: dict[str, list[tuple[int, str]]] = {}
        for fact in sent:
            if device.user_id in members_of(fact.conversation_id):
                expected.setdefault(fact.conversation_id, []).append((fact.seq, fact.body))
        handed: dict[str, list[tuple[int, str]]] = {}
        for conversation_id, seq, body in device.handed:
            handed.setdefault(conversation_id, []).append((seq, body))
        if handed != expected:
            name = f"{device.user_id}/{device.device_id}"
            yield f"holes: {name} was handed {handed}, there is {expected}"


def _receipts(world: World, sent: list[MessageSent]) -> Iterator[str]:
    """Markers only rise, never pass the newest fact, and say in the end what devices have."""
    newest: dict[str, int] = {}
    newest_of: dict[tuple[str, str], int] = {}
    for fact in sent:
        newest[fact.conversation_id] = fact.seq
        for member in members_of(fact.conversation_id):
            if member != fact.sender_id:
                newest_of[fact.conversation_id, member] = fact.seq
    moved: dict[tuple[str, str, str], int] = {}
    for record in world.parts.log.of(RECEIPTS.name):
        event = _decoded(record)
        assert isinstance(event, ReadMarkerMoved | DeliveredMarkerMoved)
        kind = "read" if isinstance(event, ReadMarkerMoved) else "delivered"
        key = (event.conversation_id, event.user_id, kind)
        if event.user_id not in members_of(event.conversation_id):
            yield f"receipts: {event.user_id} moved a marker of {event.conversation_id}"
        if event.seq > newest.get(event.conversation_id, 0):
            yield f"receipts: {key} is at {event.seq}, behind the newest fact"
        moved[key] = max(event.seq, moved.get(key, 0))
    for (conversation_id, member), seq in newest_of.items():
        reached = max(
            moved.get((conversation_id, member, kind), 0) for kind in ("delivered", "read")
        )
        if reached < seq:
            yield f"receipts: {member} has {seq} of {conversation_id}, the log says {reached}"
    for device in world.devices:
        for conversation in device.state.conversations.values():
            for user, (delivered, read) in conversation.markers.items():
                said = moved.get((conversation.id, user, "read"), 0)
                if read > said or delivered > newest.get(conversation.id, 0):
                    yield f"receipts: {device.user_id} was told that {user} read {read}"


def _membership(world: World, sent: list[MessageSent]) -> Iterator[str]:
    for fact in sent:
        if fact.sender_id not in members_of(fact.conversation_id):
            yield f"membership: {fact.sender_id} spoke in {fact.conversation_id}"
    if any(place[0] == QUERIES.name for place, _ in world.hostile):
        return  # who may write there may ask in anybody's name
    for device in world.devices:
        for conversation_id in device.strangers:
            yield f"membership: {device.user_id} was told of {conversation_id}"


def _replay(world: World, facts: list[tuple[Record, Fact]]) -> Iterator[str]:
    """The log folded anew gives the rows that are there."""
    expected: dict[Key, Cell] = {}
    for record, fact in facts:
        position = write_time(0, record.at)
        for write in history.project(fact, position):
            fold(expected, history.cells(write))
        for joined in inbox.project(fact, position):
            fold(expected, inbox.cells(joined))
    for record in world.parts.log.of(RECEIPTS.name):
        move = _decoded(record)
        if move is not None:
            for moved in receipts.project(move, write_time(0, record.at)):
                fold(expected, receipts.cells(moved))
    found = compare(expected, _live(world), _NEWEST)
    if not found.equal:
        yield f"replay: {list(found.lines())[:6]}"


def _live(world: World) -> Iterator[Cell]:
    held = world.parts.cassandra
    for key in held.timeline:
        values = held.timeline_row(key)
        yield Cell(("timeline", *key), values[3:11], values[11])
    for key, row in held.senders.items():
        for sender, (seq, time) in row.items():
            yield Cell(("newest_by_sender", *key, sender), seq, time)
    for key, row in held.buckets.items():
        yield Cell(("newest_buckets", *key), *row["bucket"])
    for key, row in held.joined.items():
        yield Cell(("conversations_by_user", *key), *row["joined_at"])
    for key, row in held.moves.items():
        yield Cell(
            ("marker_moves", *key), (row["moved_at"][0], row["device_id"][0]), row["moved_at"][1]
        )


def _determinism(world: World, facts: list[tuple[Record, Fact]]) -> Iterator[str]:
    """Each decision, made again from the log alone, is the same; each submission has one."""
    states: dict[int, PartitionState] = {}
    decided: Counter[tuple[int, int]] = Counter()
    set_aside = {_origin(letter) for letter in world.parts.log.of("admission.dead")}
    for record, fact in facts:
        number = record.partition()
        decided[number, fact.submission_offset] += 1
        state = states.setdefault(number, PartitionState())
        submission = world.parts.log.partitions[SUBMISSIONS.name, number][fact.submission_offset]
        event = _decoded(submission)
        if not isinstance(event, MessageSubmitted):
            yield f"determinism: {fact} decides about no message"
            continue
        at = max(submission.time, state.newest_at)
        again = decide(state, event, Place(fact.epoch, submission.at, at))
        if again != fact:
            yield f"determinism: {fact} is {again} when it is decided again"
            return
        evolve(state, fact)
    for place, records in world.parts.log.partitions.items():
        if place[0] == SUBMISSIONS.name:
            for record in records:
                count = decided[place[1], record.at]
                if count < 1 and (*place, record.at) in set_aside:
                    continue
                if isinstance(_decoded(record), MessageSubmitted) and count != 1:
                    yield f"determinism: submission {place} {record.at} has {count} decisions"


def _conservation(world: World) -> Iterator[str]:
    """Everything was read to its end, and what is no event is set aside with its bytes."""
    for group in world.parts.groups.values():
        for place in world.unread(group):
            yield f"conservation: {group.name} ends at {group.offset(place)} in {place}"
    for topic, partition, offset in world.poison:
        groups = world.parts.groups.values()
        readers = [one.name for one in groups if topic in one.topics]
        for group_name in readers:
            letters = [
                record
                for record in world.parts.log.of(f"{group_name}.dead")
                if _origin(record) == (topic, partition, offset)
            ]
            original = world.parts.log.partitions[topic, partition][offset].value()
            if not letters or letters[0].value() != original:
                yield f"conservation: {topic} {partition} {offset} is not among {group_name}.dead"


def _origin(record: Record) -> tuple[str, int, int]:
    headers = dict(record.headers())
    place = (headers["chat-topic"], headers["chat-partition"], headers["chat-offset"])
    topic, partition, offset = (value.decode() for value in place)  # type: ignore[union-attr]
    return topic, int(partition), int(offset)


def _bounds(world: World) -> Iterator[str]:
    """No queue was longer than it may be (the world notes how long they were)."""
    for name, (longest, bound) in world.longest.items():
        if longest > bound:
            yield f"bounds: {longest} in {name}, at most {bound} are allowed"


def _closes(world: World) -> Iterator[str]:
    """A gateway closes with a code that tells the device what to do."""
    for device in world.devices:
        for code in device.closes:
            if code not in _CLOSES:
                yield f"closes: {device.user_id}/{device.device_id} was closed with {code}"
