"""The simulated world: it keeps its promises, it finds what is planted, and a seed is a seed."""

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.simulation.__main__ import first_of
from tests.simulation.checks import CHECKS, violations
from tests.simulation.faults import FAULTS
from tests.simulation.planted import PLANTED
from tests.simulation.world import ORDINARY, World, quiet_world, run

ROOT = Path(__file__).parents[2]
RUNS = 600


def simulate(*arguments: str) -> tuple[int, str]:
    """The simulator as one starts it by hand, where strings are hashed alike in every run."""
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=3_600, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def test_every_promise_holds_in_every_run() -> None:
    status, said = simulate("--runs", str(RUNS))
    assert status == 0, said
    assert f"{RUNS} runs" in said


@pytest.mark.timeout(3_600)
def test_every_planted_mistake_is_found() -> None:
    """Within `PLANTED_RUNS` runs."""
    status, said = simulate("--planted")
    assert status == 0, said
    assert f"{len(PLANTED)} of {len(PLANTED)} planted mistakes found" in said


def test_the_documents_name_every_check_with_its_promise() -> None:
    page = (ROOT / "docs/invariants.md").read_text()
    named = dict(re.findall(r"^\| `(\w+)` \| (I\d+) \|", page, re.M))
    assert named == {name: check.promise for name, check in CHECKS.items()}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_seed_gives_the_same_story_twice() -> None:
    first, second = run(11), run(11)
    assert first.story == second.story
    assert len(first.story) > 50
    partitions = first.parts.log.partitions
    assert any(partitions.values())
    assert partitions == second.parts.log.partitions


class WorldMachine(RuleBasedStateMachine):
    """Hypothesis draws what happens; it makes a bad story as short as it can."""

    def __init__(self) -> None:
        super().__init__()
        self.context = quiet_world(0)
        self.world: World = self.context.__enter__()

    @initialize(seed=st.integers(0, 1 << 32))
    def start(self, seed: int) -> None:
        self.world.random.seed(seed)
        self.world.start()
        for device in self.world.devices:
            self.world.do("time")
            self.world.connect(device)

    @rule(names=st.lists(st.sampled_from(sorted(ORDINARY)), min_size=1, max_size=40))
    def ordinary(self, names: list[str]) -> None:
        for name in names:
            self.world.do(name)

    @rule(name=st.sampled_from(sorted(FAULTS)))
    def fault(self, name: str) -> None:
        self.world.do(name)

    def teardown(self) -> None:
        try:
            self.world.heal()
            assert violations(self.world) == [], "\n".join(self.world.story)
        finally:
            self.context.__exit__(None, None, None)


TestWorld = pytest.mark.filterwarnings("ignore::RuntimeWarning")(WorldMachine.TestCase)
TestWorld.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_each_day_has_seeds_of_its_own() -> None:
    today, tomorrow = (first_of(date(2026, 11, day)) for day in (28, 29))
    assert tomorrow - today >= 100_000


def test_a_run_for_some_time_says_where_it_began() -> None:
    status, said = simulate("--seconds", "0.1", "--first", "77")
    assert status == 0, said
    assert "from seed 77" in said
