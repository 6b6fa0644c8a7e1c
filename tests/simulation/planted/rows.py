"""Mistakes in what is written to Cassandra."""

from __future__ import annotations

import itertools

import pytest

from processors import history
from tests.simulation.planted.registry import planted


@planted
def write_times_are_those_of_arrival(patch: pytest.MonkeyPatch) -> None:
    arrivals = itertools.count(1)
    patch.setattr(history, "write_time", lambda generation, offset: next(arrivals))
