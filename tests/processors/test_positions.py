"""Positions compared with the log: gone on at, begun anew, or refused."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from events.conversations import WriterClaimed
from events.fence import NO_EPOCH
from events.marks import Mark, fingerprint_of
from events.messages import MessageSent
from events.snapshots import SnapshotCompleted
from events.topics import (
    CONVERSATIONS,
    GATEWAYS,
    QUERIES,
    RECEIPTS,
    SESSIONS,
    SNAPSHOTS,
    partition_of,
)
from infra.log_check import LogLost, is_loss
from processors.admission.restore import restore
from processors.admission.state import PartitionState, evolve, initial
from processors.positions import Positions
from processors.snapshots.plan import parts
from tests.examples import CONVERSATION, NOON, codec, message_id
from tests.simulation.kafka import Log, SimulatedReader

CODEC = codec()
PARTITION = partition_of(CONVERSATION)
FACTS, MOVES, SNAPPED = ((topic.name, PARTITION) for topic in (CONVERSATIONS, RECEIPTS, SNAPSHOTS))


@dataclass
class World:
    """One partition with a claim and some facts; offsets are those of the list."""

    generation: int = 0
    log: Log = field(default_factory=lambda: Log(lambda: NOON))
    state: PartitionState = field(default_factory=initial)

    def claim(self, epoch: int) -> None:
        self.put(FACTS, WriterClaimed(writer_id=f"writer {epoch}", epoch=epoch))
        self.state.epoch = epoch

    def put(self, place: tuple[str, int], event: object) -> int:
        return self.log.append(place, None, CODEC.encode(event))  # type: ignore[arg-type]

    def say(self, *numbers: int) -> None:
        for number in numbers:
            fact = MessageSent(
                conversation_id=CONVERSATION,
                seq=number,
                message_number=number,
                sender_id="ann",
                device_id="phone",
                client_message_id=message_id(number),
                kind="text",
                body=f"epoch {self.state.epoch}",
                sent_at=NOON,
                epoch=self.state.epoch,
                submission_offset=number,
            )
            self.state.fact_offset = self.put(FACTS, fact) + 1
            evolve(self.state, fact)

    def snapshot(self) -> None:
        """As the snapshots worker writes it."""
        offsets = [self.put(SNAPPED, part) for part in parts(self.state)]
        fact = self.log.partitions[FACTS][self.state.fact_offset - 1]
        completed = SnapshotCompleted(
            fact_offset=self.state.fact_offset,
            receipt_offset=0,
            parts=len(offsets),
            first_part_offset=offsets[0],
            epoch=self.state.epoch,
            submission_offset=self.state.submission_offset,
            newest_at=self.state.newest_at,
            log_generation=self.generation,
            fact_fingerprint=fingerprint_of(fact.value()),
        )
        self.put(SNAPPED, completed)

    def restore(self, generation: int = 0) -> PartitionState:
        ends = {PARTITION: len(self.log.partitions[FACTS])}
        reader = SimulatedReader(self.log)
        return restore(reader, CODEC, lambda _: False, ends, generation)[PARTITION]  # type: ignore[arg-type]

    def positions(self, generation: int = 0) -> Positions:
        return Positions("history", generation, lambda: SimulatedReader(self.log))  # type: ignore[arg-type, return-value]

    def committed(self, place: tuple[str, int], generation: int = 0) -> TopicPartition:
        """What a group commits that has read a partition to its end."""
        record = self.log.partitions[place][-1]
        mark = self.positions(generation).mark(record, self.state.epoch)  # type: ignore[arg-type]
        return TopicPartition(*place, record.at + 1, metadata=str(mark))


@pytest.fixture
def world() -> World:
    world = World()
    world.claim(0)
    world.say(1, 2, 3, 4, 5)
    return world


def lose(world: World) -> None:
    del world.log.partitions[FACTS][4:]


def lose_and_go_on(world: World) -> None:
    """As long as before, or longer, with other facts."""
    lose(world)
    world.state.conversations[CONVERSATION].seq = 3
    world.claim(1)
    world.say(4, 5, 6)


def replace(world: World) -> None:
    world.log.partitions[FACTS].clear()


LOSSES = [lose, lose_and_go_on, replace]


async def test_a_position_that_the_log_bears_out_is_gone_on_at(world: World) -> None:
    committed = world.committed(FACTS)
    world.claim(1)
    world.say(6)
    [(place, epoch)] = await world.positions().checked([committed])
    assert (place.offset, epoch) == (6, 0)


@pytest.mark.parametrize("loss", LOSSES)
async def test_a_reader_whose_records_are_lost_is_refused(
    world: World, loss: Callable[[World], None]
) -> None:
    committed = world.committed(FACTS)
    loss(world)
    with pytest.raises(LogLost, match=r"history had read it up to 6, and the log") as refused:
        await world.positions().checked([committed])
    assert "docs/deploying.md" in str(refused.value)


async def test_a_position_of_an_older_generation_is_not_believed(world: World) -> None:
    committed = world.committed(FACTS)
    lose_and_go_on(world)
    [(place, epoch)] = await world.positions(generation=1).checked([committed])
    assert (place.offset, epoch) == (OFFSET_BEGINNING, NO_EPOCH)


async def test_a_position_of_a_newer_generation_is_refused(world: World) -> None:
    with pytest.raises(LogLost, match="CHAT_KAFKA_LOG_GENERATION"):
        await world.positions().checked([world.committed(FACTS, generation=1)])


async def test_a_position_without_an_epoch_is_begun_anew(world: World) -> None:
    """As an operator's tool leaves it: facts before the next claim would be hidden."""
    place = TopicPartition(*FACTS, 4)
    [(place, epoch)] = await world.positions().checked([place])
    assert (place.offset, epoch) == (OFFSET_BEGINNING, NO_EPOCH)


async def test_what_an_older_release_committed_is_believed(world: World) -> None:
    place = TopicPartition(*FACTS, 4, metadata="0")
    [(place, epoch)] = await world.positions().checked([place])
    assert (place.offset, epoch) == (4, 0)


@pytest.mark.parametrize("topic", [GATEWAYS.name, QUERIES.name])
async def test_what_is_of_the_moment_is_begun_anew(world: World, topic: str) -> None:
    world.put((topic, 0), WriterClaimed(writer_id="any record"))
    committed = world.committed((topic, 0))
    world.log.partitions[topic, 0].clear()
    [(place, _)] = await world.positions().checked([committed])
    assert place.offset == OFFSET_BEGINNING


async def test_sessions_are_begun_anew_only_under_a_new_generation(world: World) -> None:
    """Redis keeps their positions: in the same generation it would take new ones for older."""
    place = (SESSIONS.name, 0)
    world.put(place, WriterClaimed(writer_id="any record"))
    committed = world.committed(place)
    [(same, _)] = await world.positions(generation=1).checked([committed])
    assert same.offset == 1
    world.log.partitions[place].clear()
    with pytest.raises(LogLost):
        await world.positions().checked([world_copy(committed)])
    [(anew, _)] = await world.positions(generation=1).checked([committed])
    assert anew.offset == OFFSET_BEGINNING


def world_copy(one: TopicPartition) -> TopicPartition:
    return TopicPartition(one.topic, one.partition, one.offset, metadata=one.metadata)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_snapshot_of_lost_facts_is_refused(world: World, loss: Callable[[World], None]) -> None:
    world.snapshot()
    loss(world)
    with pytest.raises(LogLost, match="a snapshot was folded up to 6"):
        world.restore()


def test_a_snapshot_of_an_older_generation_is_passed_over(world: World) -> None:
    world.snapshot()
    lose_and_go_on(world)
    restored = world.restore(generation=1)
    assert restored.conversations[CONVERSATION].seq == 6
    assert restored.epoch == 1


def test_a_snapshot_that_the_log_bears_out_is_restored(world: World) -> None:
    world.snapshot()
    world.say(6)
    assert world.restore().conversations[CONVERSATION].seq == 6


async def test_admission_refuses_a_log_without_what_it_decided(world: World) -> None:
    mark = Mark(0, 6, 0, fingerprint_of(world.log.partitions[FACTS][5].value()))
    await world.positions().compare({FACTS: mark})
    lose_and_go_on(world)
    with pytest.raises(LogLost):
        await world.positions().compare({FACTS: mark})
    await world.positions(generation=1).compare({FACTS: mark})


def test_what_retention_took_is_no_loss_where_records_are_not_kept_for_ever() -> None:
    assert not is_loss((SESSIONS.name, 0), "begins at 200")
    assert is_loss((SESSIONS.name, 0), "ends at 3")
    assert is_loss((CONVERSATIONS.name, 0), "begins at 200")
