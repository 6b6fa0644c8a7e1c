"""A world whose stack was never given the catalogues."""

import pytest

from bench.world import World
from infra.errors import UserError
from infra.exits import Exit
from infra.stack.stack import Stack


def test_without_schema_ids_it_says_what_to_do(tmp_path):
    with pytest.raises(UserError) as refused:
        World(Stack(tmp_path / "instance")).codec()

    assert refused.value.code == "no_schema_ids"
    assert refused.value.exit_status == Exit.SETTINGS
    assert "chatlog apply" in refused.value.remedy
