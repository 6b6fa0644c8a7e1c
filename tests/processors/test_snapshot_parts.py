"""A snapshot in parts: none too large, all of the state in them, and whole or not there."""

import asyncio
from typing import Any

import pytest
from msgspec import structs

from events.marks import fingerprint_of
from events.snapshots import SnapshotCompleted, SnapshotPartWritten
from events.topics import CONVERSATIONS, SNAPSHOTS
from processors.admission.restore import newest_snapshots
from processors.admission.state import PartitionState, add_snapshot, initial
from processors.snapshots.plan import PART_BYTES_MAX, parts
from processors.snapshots.writing import PARTS_UNDER_WAY, write
from tests.examples import NOON, codec
from tests.simulation.kafka import Log, SimulatedReader

CODEC = codec()


def state_of(names: dict[str, list[str]]) -> PartitionState:
    """A state with these members' markers in these conversations."""
    state = initial()
    for conversation_id, members in names.items():
        conversation = state.conversation(conversation_id)
        conversation.seq = conversation.message_number = 1 << 40
        for member in members:
            conversation.markers |= {(member, "delivered"): 1 << 40, (member, "read"): 1 << 39}
    for number in range(20_000):
        state.remembered.add(number.to_bytes(16, "big"), number + 1, NOON + number)
    return state


def long(number: int, letter: str) -> str:
    return letter * 58 + f"{number:06}"


@pytest.mark.parametrize(
    "names",
    [
        {},
        {f"d:{long(i, 'a')}:{long(i, 'b')}": [long(i, "a"), long(i, "b")] for i in range(3_000)},
        {f"d:{long(i, 'ä')}:{long(i, '字')}": [long(i, "ä"), long(i, "字")] for i in range(1_500)},
        {f"g:{i}": [long(j, "字") for j in range(2_048)] for i in range(3)},
    ],
    ids=["empty", "long", "wide", "groups"],
)
def test_no_part_is_larger_than_said_and_together_they_are_the_state(
    names: dict[str, list[str]],
) -> None:
    state = state_of(names)
    again = initial()
    for number, part in enumerate(parts(state)):
        data = CODEC.encode(part)
        assert part.part == number
        assert len(data) <= PART_BYTES_MAX + 1_000
        held = CODEC.decode(data)
        assert isinstance(held, SnapshotPartWritten)
        add_snapshot(again, held.conversations, held.remembered)
    assert again.conversations == state.conversations
    assert again.remembered == state.remembered


class Slow:
    """A publisher that confirms a record a moment later, and refuses one of them."""

    def __init__(self, refused: int = -1) -> None:
        self.records: list[Any] = []
        self.under_way = self.most_under_way = 0
        self._refused = refused

    def publish_bytes(self, topic: str, value: bytes, *, partition: int) -> "asyncio.Future[int]":
        assert topic == SNAPSHOTS.name
        return self.publish(SNAPSHOTS, CODEC.decode(value), partition=partition)

    def publish(self, topic: object, event: object, *, partition: int) -> "asyncio.Future[int]":
        assert topic is SNAPSHOTS
        offset = len(self.records)
        self.records.append(event)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        loop = asyncio.get_running_loop()
        confirmation: asyncio.Future[int] = loop.create_future()

        def confirm() -> None:
            self.under_way -= 1
            if offset == self._refused:
                confirmation.set_exception(ConnectionError("the queue is full"))
            else:
                confirmation.set_result(offset)

        loop.call_later(0.001, confirm)
        return confirmation


async def test_few_parts_are_under_way_and_it_counts_with_its_last_record() -> None:
    state = state_of({f"d:ann:{long(i, 'b')}": ["ann", long(i, "b")] for i in range(20_000)})
    publisher = Slow()
    confirmed: list[None] = []
    await write(publisher, CODEC, 0, state, 0, lambda: confirmed.append(None))  # type: ignore[arg-type]
    *some, last = publisher.records
    assert isinstance(last, SnapshotCompleted)
    assert (last.parts, last.first_part_offset) == (len(some), 0)
    assert publisher.most_under_way <= PARTS_UNDER_WAY < len(some)
    assert len(confirmed) == len(some) - PARTS_UNDER_WAY + 1


async def test_one_that_a_part_of_is_missing_is_never_completed() -> None:
    state = state_of({f"d:ann:{long(i, 'b')}": ["ann", long(i, "b")] for i in range(9_000)})
    publisher = Slow(refused=2)
    with pytest.raises(ConnectionError):
        await write(publisher, CODEC, 0, state, 0, lambda: None)  # type: ignore[arg-type]
    assert not any(isinstance(one, SnapshotCompleted) for one in publisher.records)


@pytest.mark.parametrize("intruder", [None, "other cut", "same cut"])
async def test_parts_of_another_release_in_between_are_never_mixed_in(intruder: str | None) -> None:
    """Two releases may cut one state differently: part 1 of one is not part 1 of the other."""
    state = state_of({f"d:ann:{long(i, 'b')}": ["ann", long(i, "b")] for i in range(3_000)})
    state.fact_offset = 1
    state.fact_fingerprint = fingerprint_of(b"fact")
    publisher = Slow()
    await write(publisher, CODEC, 0, state, 0, lambda: None)  # type: ignore[arg-type]
    first, *others = publisher.records
    between = {None: [], "same cut": [first, *others[:-1]], "other cut": halves(first)}[intruder]
    log = Log(lambda: NOON)
    log.append((CONVERSATIONS.name, 0), None, b"fact")
    for event in (first, *between, *others):
        log.append((SNAPSHOTS.name, 0), None, CODEC.encode(event))

    restored = newest_snapshots(SimulatedReader(log), CODEC, {0: 1})[0]  # type: ignore[arg-type]

    assert restored == (initial() if intruder == "other cut" else state)


def halves(part: SnapshotPartWritten) -> list[SnapshotPartWritten]:
    """The same conversations, cut into two parts."""
    middle = len(part.conversations) // 2
    return [
        structs.replace(part, part=number, conversations=some)
        for number, some in enumerate((part.conversations[:middle], part.conversations[middle:]))
    ]
