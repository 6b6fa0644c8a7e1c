"""Everything is killed at once, the supervisor too, and started again: groups are served again."""

import asyncio
import signal

import pytest

from cli import stack as commands
from events.topics import GROUPS
from infra.lag import TOPICS_READ
from infra.stack import groups, process
from infra.stack.part import PartStatus, State
from infra.stack.stack import Stack
from tests.live import kafka_of, until

SERVED_SECONDS = 300.0

WANTED = {
    group: {
        (topic.name, partition)
        for topic in TOPICS_READ[group]
        for partition in range(topic.partitions)
    }
    for group in GROUPS
}


def is_served(stack: Stack, before: set[str] = frozenset()) -> bool:
    """Whether every partition that a role reads belongs to a member that was not there before."""
    try:
        found = groups.members(kafka_of(stack))
    except Exception:
        return False
    names = {name for members in found.values() for name in members}
    held = {group: set().union(*members.values()) for group, members in found.items()}
    return not names & before and all(held[group] >= WANTED[group] for group in GROUPS)


def members_of(stack: Stack) -> set[str]:
    return {name for members in groups.members(kafka_of(stack)).values() for name in members}


def kill_everything(stack: Stack) -> None:
    """SIGKILL to all at once, and to what the supervisor may have started at that moment."""
    while living := list(process.marked(str(stack.folder))):
        for record in living:
            process.send(record, signal.SIGKILL)


@pytest.fixture
def own(tmp_path):
    """An instance of its own, started as `chatlog up` does."""
    stack = Stack(tmp_path / "instance", quick=True)
    try:
        commands.up(folder=stack.folder)
        yield stack
    finally:
        stack.stop()


@pytest.mark.timeout(1_800)
async def test_after_sigkill_of_all_partitions_belong_to_living_members(own):
    await until(lambda: is_served(own), seconds=SERVED_SECONDS, what="the first assignment")
    for _ in range(2):
        before = members_of(own)
        await asyncio.to_thread(kill_everything, own)
        await asyncio.to_thread(commands.up, folder=own.folder)
        await until(lambda: is_served(own, before), seconds=SERVED_SECONDS, what="an assignment")  # noqa: B023

    assert all(status.state == State.READY for status in own.status())


@pytest.mark.timeout(1_800)
async def test_offsets_that_were_set_aside_leave_groups_that_are_served(own):
    """The last resort when a coordinator cannot load its state (ADR 0018), rehearsed."""
    await until(lambda: is_served(own), seconds=SERVED_SECONDS, what="the first assignment")
    before = members_of(own)
    await asyncio.to_thread(kill_everything, own)
    aside = groups.set_aside_offsets(own.folder / "kafka")
    await asyncio.to_thread(commands.up, folder=own.folder)
    await until(lambda: is_served(own, before), seconds=SERVED_SECONDS, what="an assignment")

    assert len(list(aside.glob("__consumer_offsets-*"))) == 8, "nothing was deleted"


@pytest.mark.timeout(1_800)
async def test_what_dies_is_started_again_without_a_command(own):
    pids = {status.name: status.pid for status in own.status()}
    for name in ("worker-back", "gateway-1", "redis"):
        own.kill(name)

    def is_back() -> bool:
        statuses = {status.name: status for status in own.status()}
        return all(
            statuses[name].state == State.READY and statuses[name].pid != pids[name]
            for name in ("worker-back", "gateway-1", "redis")
        )

    await until(is_back, seconds=SERVED_SECONDS, what="the return of what was killed")
    statuses = {status.name: status for status in own.status()}
    assert statuses["worker-back"].restarts >= 1
    assert statuses["worker-back"].last_exit_status == -9


@pytest.fixture
def servers(tmp_path):
    """Servers alone, with one broker."""
    stack = Stack(tmp_path / "instance", quick=True)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.mark.timeout(1_800)
def test_mending_that_was_due_is_done_by_the_next_start(servers):
    """A start that ends between the broker's answer and the look at the groups leaves it due."""
    folder = servers.folder / "kafka"
    servers.kill("kafka")

    def end_early(status: PartStatus) -> None:
        if (status.name, status.state) == ("kafka", State.READY):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        servers.start(end_early)
    assert servers.part_status("kafka").pid is not None
    assert groups.are_due(folder)
    servers.start()
    assert not groups.are_due(folder)

    servers.kill("kafka")
    servers.stop()
    assert groups.are_due(folder), "an end that was not clean is not made clean by a stop"
    servers.start()
    assert not groups.are_due(folder)

    servers.stop()
    assert not groups.are_due(folder), "an end in good order"


class Kafka:
    """A broker in a state that is mended by so many restarts, or by setting aside."""

    def __init__(self, *states: groups.Groups) -> None:
        self.states, self.done = list(states), []

    def look(self) -> groups.Groups:
        return self.states[0]

    def restart(self) -> None:
        self.done.append("restart")
        self.states.pop(0)

    def set_aside(self) -> None:
        self.done.append("set aside")
        self.states.pop(0)


EMPTY, DEAD, NOBODY = groups.Groups.EMPTY, groups.Groups.DEAD_MEMBERS, groups.Groups.NO_COORDINATOR


@pytest.mark.parametrize(
    ("states", "done"),
    [
        ([EMPTY], []),
        ([DEAD, EMPTY], ["restart"]),
        ([NOBODY, DEAD, EMPTY], ["restart", "restart"]),
        ([NOBODY, NOBODY, NOBODY, EMPTY], ["restart", "restart", "set aside"]),
    ],
)
def test_the_mildest_means_that_helps_is_taken(states, done):
    kafka = Kafka(*states)
    groups.mend(kafka.look, kafka.restart, kafka.set_aside)

    assert kafka.done == done


@pytest.mark.parametrize("states", [[DEAD] * 3, [NOBODY] * 4])
def test_what_nothing_mends_is_said(states):
    kafka = Kafka(*states)
    with pytest.raises(Exception, match="consumer groups have"):
        groups.mend(kafka.look, kafka.restart, kafka.set_aside)
