"""A short simulation: what is run against a mutant that no pure test killed (docs/mutants.md)."""

import pytest

from tests.simulation.runner import check


@pytest.mark.parametrize("seed", range(8))
def test_everything_holds(seed: int) -> None:
    assert check(seed) == []
