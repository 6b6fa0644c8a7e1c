"""Target `admission`: one record on `chat.submissions` that no gateway of ours wrote.

It is put there twice, and once into another partition, between honest messages; the real source,
guard and agent take it, and another process takes over afterwards. Outcome, at first: `sent`,
`repeated`, `rejected`, `moved`, `nothing` (markers that move nothing) or `set-aside`.
What is honest is always decided, seqs rise by one, markers rise and never pass the newest fact,
every record has one decision or one dead letter.
"""

from collections.abc import Iterator

from msgspec import Struct

from events.codec import DecodeError, UnknownSchema
from events.conversations import SubmissionRejected, SubmissionRepeated
from events.fence import Fence
from events.members import members_of
from events.messages import MessageSent
from events.receipts import DeliveredMarkerMoved, MarkersSubmitted, ReadMarkerMoved
from events.topics import CONVERSATIONS, PARTITIONS, RECEIPTS, SUBMISSIONS, partition_of
from infra.log_reader import Place
from tests.examples import CONVERSATION, submitted
from tests.fuzz.fault import must
from tests.fuzz.schemas import codec
from tests.simulation.kafka import Record
from tests.simulation.worker import Worker
from tests.simulation.world import World, quiet_world

CODEC = codec()

_HOME = partition_of(CONVERSATION)
_ROUNDS_MAX = 200
_WORDS = {MessageSent: "sent", SubmissionRepeated: "repeated", SubmissionRejected: "rejected"}


def admit(data: bytes) -> str:
    """What admission makes of some bytes."""
    home = _home(data)
    elsewhere = (home + 1) % PARTITIONS
    with quiet_world(0) as world:
        world.parts.codec = CODEC
        first = _Writer(world)
        first.take([(_HOME, _honest(1))])
        moves = len(list(world.parts.log.of(RECEIPTS.name)))
        offset = first.take([(home, data)])
        moved = len(list(world.parts.log.of(RECEIPTS.name))) > moves
        first.take([(home, data), (elsewhere, data), (_HOME, _honest(2))])
        first.kill()
        second = _Writer(world)
        second.take([(_HOME, _honest(2)), (_HOME, _honest(3))])
        must(not world.parts.findings, "; ".join(world.parts.findings))
        must(not world.parts.loop.faults, "; ".join(world.parts.loop.faults))
        outcomes = _outcomes(world)
        facts = [fact for facts in map(_facts, _partitions(world)) for fact in facts]
        _check(facts)
        _check_moves(world, facts)
        found = outcomes.get((SUBMISSIONS.name, home, offset))
        return found or ("moved" if moved else "nothing")


class _Writer:
    """A process with the role admission."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._worker = Worker(world.parts, f"worker-{id(self)}", ("admission",))
        self.take([])

    def take(self, records: list[tuple[int, bytes]]) -> int:
        """Put records into partitions and come to rest; the offset of the last one."""
        offset = -1
        for partition, value in records:
            place = (SUBMISSIONS.name, partition)
            offset = self._world.parts.log.append(place, b"key", value)
        machine, loop = self._world.parts.machine, self._world.parts.loop
        for _ in range(_ROUNDS_MAX):
            busy = False
            for look in list(self._worker.looks):
                busy = look() or busy
                loop.settle()
            for call in machine.ready():
                machine.happen(call, 0.0)
                loop.settle()
                busy = True
            if not busy:
                return offset
        must(self._world.parts.findings, "admission never comes to rest")
        return offset

    def kill(self) -> None:
        self._worker.kill()


def _honest(number: int) -> bytes:
    return CODEC.encode(submitted(number))


def _home(data: bytes) -> int:
    """The partition into which whoever wants to be heard puts it."""
    try:
        event = CODEC.decode(data)
    except (DecodeError, UnknownSchema):
        return _HOME
    if isinstance(event, MarkersSubmitted) and event.markers:
        return partition_of(event.markers[0].conversation_id)
    return partition_of(getattr(event, "conversation_id", CONVERSATION))


def _partitions(world: World) -> Iterator[list[Record]]:
    for number in range(PARTITIONS):
        yield world.parts.log.partitions[CONVERSATIONS.name, number]


def _facts(records: list[Record]) -> Iterator[tuple[int, Struct]]:
    fence = Fence()
    for record in records:
        event = CODEC.decode(record.value())
        if fence.admits(event, record.at):
            yield record.partition(), event


def _outcomes(world: World) -> dict[tuple[str, int, int], str]:
    """What became of each message, by its place."""
    outcomes: dict[tuple[str, int, int], str] = {}
    for records in _partitions(world):
        for number, fact in _facts(records):
            place = (SUBMISSIONS.name, number, fact.submission_offset)  # type: ignore[attr-defined]
            must(place not in outcomes, f"{place} is decided twice")
            outcomes[place] = _WORDS[type(fact)]  # type: ignore[index]
    for letter in world.parts.log.of("admission.dead"):
        place = _origin(letter)
        must(outcomes.get(place, "set-aside") == "set-aside", f"{place} is decided and set aside")
        original = world.parts.log.partitions[place[:2]][place[2]]
        must(letter.value() == original.value(), "a dead letter has other bytes")
        outcomes[place] = "set-aside"
    for place, records in _submissions(world):
        for record in records:
            if not isinstance(_event(record), MarkersSubmitted):
                must((*place, record.at) in outcomes, f"{place} {record.at} has no outcome")
    return outcomes


def _check(facts: list[tuple[int, Struct]]) -> None:
    seqs: dict[str, int] = {}
    sent: list[MessageSent] = []
    for number, fact in facts:
        assert isinstance(fact, MessageSent | SubmissionRepeated | SubmissionRejected)
        belongs = partition_of(fact.conversation_id)
        must(number == belongs, f"{fact.conversation_id} is decided in {number}, not {belongs}")
        if isinstance(fact, MessageSent):
            expected = seqs.get(fact.conversation_id, 0) + 1
            must(fact.seq == expected, f"seq {fact.seq} comes after {expected - 1}")
            must(fact.sender_id in members_of(fact.conversation_id), "a stranger speaks")
            seqs[fact.conversation_id] = fact.seq
            sent.append(fact)
    for number in (1, 2, 3):
        body = submitted(number).body
        times = sum(fact.body == body and fact.sender_id == "ann" for fact in sent)
        must(times >= 1, f"the honest message {number} was not sent")
    ids = [
        (one.conversation_id, one.sender_id, one.device_id, one.client_message_id) for one in sent
    ]
    must(len(ids) == len(set(ids)), "a message is there twice")


def _check_moves(world: World, facts: list[tuple[int, Struct]]) -> None:
    newest = {fact.conversation_id: fact.seq for _, fact in facts if isinstance(fact, MessageSent)}
    reached: dict[tuple[str, str, type], int] = {}
    for record in world.parts.log.of(RECEIPTS.name):
        move = CODEC.decode(record.value())
        assert isinstance(move, ReadMarkerMoved | DeliveredMarkerMoved)
        conversation_id, marker = (
            move.conversation_id,
            (move.conversation_id, move.user_id, type(move)),
        )
        must(move.user_id in members_of(conversation_id), "a stranger's marker moved")
        must(move.seq <= newest.get(conversation_id, 0), "a marker passed the newest fact")
        must(move.seq > reached.get(marker, 0), "a marker moved back, or not at all")
        reached[marker] = move.seq


def _submissions(world: World) -> Iterator[tuple[Place, list[Record]]]:
    for place, records in world.parts.log.partitions.items():
        if place[0] == SUBMISSIONS.name:
            yield place, records


def _event(record: Record) -> Struct | None:
    try:
        return CODEC.decode(record.value())
    except (DecodeError, UnknownSchema):
        return None


def _origin(letter: Record) -> tuple[str, int, int]:
    headers = {name: bytes(value or b"").decode() for name, value in letter.headers()}  # type: ignore[arg-type]
    return headers["chat-topic"], int(headers["chat-partition"]), int(headers["chat-offset"])
