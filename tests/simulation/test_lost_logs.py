"""Acknowledged facts are lost: everybody refuses to go on, and goes on when the operator says so.

Not among the faults of a run, since nobody may go on by himself then. What cannot hold any more is
that every device has every message; all else must.
"""

from typing import Any

import pytest

from events.topics import CONVERSATIONS
from processors.admission import restore
from processors.positions import Positions
from tests.simulation.checks import CHECKS
from tests.simulation.checks.seen import Seen
from tests.simulation.faults.losses import facts_lose_their_end
from tests.simulation.world import World, quiet_world

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

KEEPS_HOLDING = ("order", "doubles", "determinism", "decisions", "replay", "conservation")

LOST = 4


def talk(world: World, messages: int) -> None:
    """Ann's laptop, or Cat's phone, writes to Bob; everything comes to rest."""
    for number in range(messages):
        world.write(world.devices[0 if number % 2 else 3], "bob")
        world.rest()


def facts(world: World) -> int:
    return sum(1 for _ in world.parts.log.of(CONVERSATIONS.name))


def refused(world: World) -> dict[str, str]:
    """The roles that stopped, and what they said; nothing else is wrong."""
    assert world.parts.findings == []
    return {
        source.group: source.progress.stopped
        for worker in world.workers
        for source in worker.sources
        if source.progress.stopped
    }


def lose(world: World) -> None:
    """Facts are lost, workers are started again, and look at the log."""
    facts_lose_their_end(world, LOST)
    for _ in range(60):
        for look in list(world.looks()):
            look()
        world.parts.loop.settle()
        for call in world.parts.machine.ready():
            world.parts.machine.happen(call, 0.0)
        world.parts.loop.settle()


@pytest.fixture
def world() -> Any:
    with quiet_world(3, False) as world:
        world.faults = []
        world.start()
        talk(world, 12)
        yield world


def test_whoever_had_read_what_is_lost_refuses_and_nothing_is_written(world: World) -> None:
    before = facts(world)
    lose(world)
    lost = before - facts(world)
    assert lost > 0
    said = refused(world)
    assert said.keys() == {"admission", "fanout", "history", "snapshots"}
    assert all("and the log ends at" in one for one in said.values())
    assert all("docs/deploying.md" in one for one in said.values())


def test_the_way_out_goes_on_with_the_log_that_is_there(world: World) -> None:
    lose(world)
    world.begin_another_generation()
    for device in world.devices:  # its store is deleted, as the document says
        device.forget_everything()
    world.rest()
    talk(world, 6)

    seen = Seen(world)
    assert world.parts.findings == []
    for name in KEEPS_HOLDING:
        look = CHECKS[name].look
        assert look is not None
        assert list(look(seen)) == [], name


def test_a_device_that_has_more_than_the_log_neither_waits_nor_fails(world: World) -> None:
    lose(world)
    world.begin_another_generation()
    world.rest()
    talk(world, 2 * LOST + 6)

    assert world.parts.findings == []
    assert all(device.state.unsent == 0 and device.finished for device in world.devices)
    newest = {fact.conversation_id: fact.body for fact in Seen(world).sent}
    shown = {body for device in world.devices for _, _, body in device.handed}
    assert set(newest.values()) <= shown


def test_snapshots_tell_of_the_loss_when_commits_are_lost_too(world: World) -> None:
    for group in world.parts.groups.values():
        group.committed.clear()
    lose(world)
    assert "a snapshot was folded up to" in refused(world)["admission"]


# Mistakes planted here, since the runs of the simulator lose no facts.


def test_it_is_found_when_what_was_committed_is_not_compared(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Positions, "_contradicted", lambda self, marks: {})
    lose(world)
    assert "history" not in refused(world)


def test_it_is_found_when_a_snapshot_is_believed_without_its_fingerprint(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "_compare", lambda reader, snapshots: None)
    for group in world.parts.groups.values():
        group.committed.clear()
    lose(world)
    assert "admission" not in refused(world)
