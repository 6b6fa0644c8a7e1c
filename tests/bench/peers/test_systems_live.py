"""Each system as it is really installed: started in a folder of its own, loaded, ended.

What is not installed is skipped: `make test` needs no other chat server, `chatlog bench peers`
installs them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.peers.results import Turn
from bench.peers.rounds import phases
from bench.peers.system import Running, System
from bench.peers.systems import catalogue
from bench.peers.turn import Effort, take
from infra.checkout import CHECKOUT
from infra.stack.process import marked

EFFORT = Effort(
    steady_seconds=1.0,
    flow_warm_up_seconds=0.2,
    flow_seconds=0.5,
    settle_seconds_max=30.0,
    held_seconds=0.2,
    quiet_attempts_max=1,
    share=0.04,
)
FOLDER = CHECKOUT / ".chatlog" / "peers" / "test"
"""In the tree, as PostgreSQL must be able to enter it; a temporary folder is ours alone."""

OTHERS = [system for name, system in catalogue().items() if not name.startswith("chatlog")]


@contextmanager
def _noted(system: System, pids: list[int]) -> Iterator[System]:
    """The system, with the processes it starts noted."""

    @contextmanager
    def start(folder, report) -> Iterator[Running]:
        with system.start(folder, report) as running:
            pids.extend((*running.servers.values(), *running.databases.values()))
            yield running

    yield System(
        **{
            **{name: getattr(system, name) for name in System.__dataclass_fields__},
            "start": start,
        }
    )


def _taken(system: System, folder: Path, pids: list[int]) -> Turn:
    with _noted(system, pids) as noted:
        return take(noted, 1, 1, EFFORT, folder, lambda status: None)


@pytest.mark.parametrize("system", OTHERS, ids=lambda system: system.name)
def test_a_system_is_started_loaded_and_ended(system: System) -> None:
    if not system.is_here():
        pytest.skip(
            f"not installed: {', '.join((*system.needs, system.title))}; "
            f"`chatlog bench peers --only {system.name}` installs it"
        )
    pids: list[int] = []
    folder = FOLDER / system.name
    turn = _taken(system, folder, pids)
    assert turn.failed == ""
    assert pids
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
    assert not list(marked(str(folder)))
    sockets = turn.sockets.count if turn.sockets else 0
    assert sockets == round(system.workload.idle_sockets * EFFORT.share)
    names = [name for name, _ in phases(turn)]
    assert ("group" in names) == bool(system.workload.group_members)
    for name, phase in phases(turn):
        assert phase.loaded.is_whole, (name, phase.loaded)
        assert phase.per_second > 0, name
        assert phase.microseconds_a_message["server"] > 0, name
        if phase.copies_a_message is not None and name != "group":
            assert phase.copies_a_message == (1.0 if system.name == "synapse" else 2.0), name
