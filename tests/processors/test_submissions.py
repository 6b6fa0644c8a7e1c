"""Submissions that are not those that were decided: seen at the start, and where reading begins."""

from dataclasses import dataclass, field

import pytest

from events.conversations import SubmissionsRestarted, WriterClaimed
from events.messages import MessageSubmitted
from events.topics import CONVERSATIONS, SUBMISSIONS, partition_of
from infra.reading import Reading
from processors.admission.decider import decide
from processors.admission.place import Place
from processors.admission.restore import restore
from processors.admission.state import PartitionState, evolve, initial
from processors.admission.submissions import LOOKED_BACK_MS, begins, restarts
from tests.examples import CONVERSATION, NOON, codec, submitted
from tests.simulation.kafka import Log, SimulatedReader

CODEC = codec()
READING = Reading(CODEC, lambda _: False)
PARTITION = partition_of(CONVERSATION)
SUBMITTED = (SUBMISSIONS.name, PARTITION)
FACTS = (CONVERSATIONS.name, PARTITION)


@dataclass
class World:
    """One partition whose writer decides everything that is submitted at once."""

    now: int = NOON
    state: PartitionState = field(default_factory=initial)
    log: Log = field(init=False)

    def __post_init__(self) -> None:
        self.log = Log(lambda: self.now)
        self.put(FACTS, WriterClaimed(writer_id="one", epoch=0))
        self.state.epoch = 0

    def put(self, place: tuple[str, int], event: object) -> int:
        return self.log.append(place, None, CODEC.encode(event))  # type: ignore[arg-type]

    def submit(self, *numbers: int) -> None:
        for number in numbers:
            self.now += 1_000
            self.put(SUBMITTED, submitted(number))

    def decide_all(self) -> None:
        for record in self.log.partitions[SUBMITTED][self.state.submission_offset + 1 :]:
            event = CODEC.decode(record.value())
            assert isinstance(event, MessageSubmitted)
            place = Place(self.state.epoch, record.at, max(record.time, self.state.newest_at))
            fact = decide(self.state, event, place)
            evolve(self.state, fact)
            self.put(FACTS, fact)

    def restarts(self) -> dict[int, SubmissionsRestarted]:
        """What the next owner finds."""
        reader = SimulatedReader(self.log)
        end = len(self.log.partitions[FACTS])
        self.state = restore(reader, CODEC, lambda _: False, {PARTITION: end})[PARTITION]  # type: ignore[arg-type]
        return restarts(reader, READING, {PARTITION: self.state})  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    world = World()
    world.submit(1, 2, 3, 4, 5)
    world.decide_all()
    return world


def test_nothing_restarts_while_the_log_is_what_was_decided(world: World) -> None:
    assert world.restarts() == {}
    world.submit(6)
    assert world.restarts() == {}
    assert World().restarts() == {}


def test_a_lost_end_is_seen_and_nothing_is_decided_twice(world: World) -> None:
    del world.log.partitions[SUBMITTED][3:]
    assert world.restarts()[PARTITION].submissions_from == 3


@pytest.mark.parametrize("later", [1, 2, 3, 9])
def test_offsets_that_were_given_again_are_seen(world: World, later: int) -> None:
    """Submissions 4 and 5 are lost, and others came meanwhile: they are all to be decided."""
    del world.log.partitions[SUBMITTED][3:]
    world.submit(*range(100, 100 + later))
    assert world.restarts()[PARTITION].submissions_from == 3


@pytest.mark.parametrize("later", [0, 1, 5, 9])
def test_a_new_log_is_read_from_its_beginning(world: World, later: int) -> None:
    world.log.partitions[SUBMITTED].clear()
    world.submit(*range(100, 100 + later))
    assert world.restarts()[PARTITION].submissions_from == 0


def test_what_is_said_in_the_log_is_folded_by_the_next_owner(world: World) -> None:
    world.log.partitions[SUBMITTED].clear()
    restarted = world.restarts()[PARTITION]
    world.put(FACTS, restarted)
    evolve(world.state, restarted)
    assert world.restarts() == {}
    assert world.state.submission_offset == -1
    world.submit(100, 101)
    world.decide_all()
    assert world.restarts() == {}
    assert world.state.conversations[CONVERSATION].seq == 7
    assert world.state.submission_offset == 1


@pytest.mark.parametrize("later", [0, 1])
def test_a_log_that_is_replaced_twice_is_read_from_its_beginning(world: World, later: int) -> None:
    """Nothing was decided in between, so there is nothing to compare but the time."""
    world.put(FACTS, SubmissionsRestarted(submissions_from=2, detail="", epoch=0))
    world.log.partitions[SUBMITTED].clear()
    world.submit(*range(200, 201 + later))
    assert world.restarts()[PARTITION].submissions_from == 0


def test_a_repeat_that_lies_where_the_lost_one_lay_is_decided(world: World) -> None:
    """The client sent it again, and it came to the same place: its answer is in the log."""
    del world.log.partitions[SUBMITTED][4:]
    world.submit(5)
    assert world.restarts() == {}


def test_where_retention_took_the_record_nothing_can_be_compared(world: World) -> None:
    class Shorter(SimulatedReader):
        def ends(self, places: list[tuple[str, int]]) -> dict[tuple[str, int], tuple[int, int]]:
            return {place: (5, high) for place, (_, high) in super().ends(places).items()}

    assert restarts(Shorter(world.log), READING, {PARTITION: world.state}) == {}  # type: ignore[arg-type]


def test_the_instant_of_the_newest_decision_parts_what_was_decided_from_what_was_not() -> None:
    world = World()
    world.submit(1, 2)
    for number in (3, 4, 5):
        world.put(SUBMITTED, submitted(number))
    world.decide_all()
    del world.log.partitions[SUBMITTED][4:]
    found = world.restarts()[PARTITION]
    assert (found.submissions_from, found.detail) == (4, "it ends at 4, and 4 was decided")
    world.now += 1
    world.put(SUBMITTED, submitted(100))
    found = world.restarts()[PARTITION]
    assert found.submissions_from == 4
    assert found.detail == "it holds another submission at 4 than was decided"


def test_the_first_and_only_one_that_was_decided_is_compared() -> None:
    world = World()
    world.submit(1)
    world.decide_all()
    world.log.partitions[SUBMITTED].clear()
    world.submit(100)
    assert world.restarts()[PARTITION].submissions_from == 0


def test_what_cannot_be_read_is_not_what_was_decided(world: World) -> None:
    del world.log.partitions[SUBMITTED][4:]
    world.now += 1
    world.log.append(SUBMITTED, None, b"no event")
    assert world.restarts()[PARTITION].submissions_from == 4


def test_a_retry_just_behind_what_was_decided_restarts_nothing(world: World) -> None:
    world.submit(5)
    assert world.restarts() == {}


def test_reading_that_began_anew_at_the_end_of_the_log_does_not_begin_once_more(
    world: World,
) -> None:
    world.put(FACTS, SubmissionsRestarted(submissions_from=5, detail="", epoch=0))
    assert world.restarts() == {}


def test_a_log_that_was_replaced_twice_says_so_also_behind_the_first_submission(
    world: World,
) -> None:
    world.put(FACTS, SubmissionsRestarted(submissions_from=1, detail="", epoch=0))
    world.log.partitions[SUBMITTED].clear()
    world.submit(200)
    found = world.restarts()[PARTITION]
    assert found.submissions_from == 0
    assert found.detail == "it was replaced once more, before 1 was decided"


def begin(world: World, at: int | None = None) -> int:
    """Where the next owner begins; `at` is where the group is, if it knows."""
    reader = SimulatedReader(world.log)
    reached = {} if at is None else {PARTITION: at}
    return begins(reader, {PARTITION: world.state}, reached)[PARTITION]  # type: ignore[arg-type]


@pytest.mark.parametrize(("at", "expected"), [(0, 0), (3, 3), (5, 5), (6, 5), (99, 5)])
def test_reading_begins_where_the_group_is_but_not_behind_what_is_decided(
    world: World, at: int, expected: int
) -> None:
    world.submit(6, 7)
    assert begin(world, at) == expected


def test_reading_begins_with_what_retention_has_left(world: World) -> None:
    world.log.starts[SUBMITTED] = 4
    assert begin(world, 2) == 4
    assert begin(world) == 4


def test_where_the_group_knows_nothing_reading_begins_some_minutes_back(world: World) -> None:
    assert begin(World()) == 0
    assert begin(world) == 0
    world.now += LOOKED_BACK_MS - 2_000  # then two more, a second apart
    world.submit(6, 7)
    world.decide_all()
    assert begin(world) == 4
