"""A release whose keys have another layout was there before: nothing of it is left or met."""

import pytest
from redis.exceptions import ResponseError

from infra import redis
from projections.heads import keys
from tests.simulation import checks
from tests.simulation.world import quiet_world


def story(left_under: str, patch: pytest.MonkeyPatch | None = None) -> list[str]:
    """`life` was a word once, and is a hash now; the server has not been started anew between."""
    if patch is not None:
        patch.setattr(redis, "run_name", lambda run_id, layout=redis.LAYOUT: run_id)
    with quiet_world(3, False) as world:
        world.faults = []
        world.parts.redis.begin_under(left_under, {keys.LIFE: "a word"})
        world.start()
        world.rest()
        world.write(world.devices[0], "bob")
        world.heal()
        return checks.violations(world)


@pytest.mark.parametrize("left_under", ["run1", redis.run_name("run1", redis.LAYOUT - 1)])
def test_what_has_another_layout_is_deleted_though_it_is_of_the_same_run(left_under: str) -> None:
    assert story(left_under) == []


def test_the_story_shows_it_when_layouts_are_not_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        story("run1", monkeypatch)
