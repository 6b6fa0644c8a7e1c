"""The register of planted mistakes, by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Plant = Callable[[pytest.MonkeyPatch], None]

PLANTED: dict[str, Plant] = {}

QUIET: set[str] = set()
"""Mistakes that only quiet runs show: whatever comes later mends what was missed."""

SEEDS_FILE = Path(__file__).parent / "seeds.json"
"""A seed that shows each mistake, as `--planted --write` found it. Stale ones do no harm."""

SEEDS: dict[str, int] = json.loads(SEEDS_FILE.read_text()) if SEEDS_FILE.exists() else {}


def planted(plant: Plant) -> Plant:
    """Register a mistake under the name of its function."""
    PLANTED[plant.__name__] = plant
    return plant


def planted_quietly(plant: Plant) -> Plant:
    """Register a mistake that is looked for in quiet runs only."""
    QUIET.add(plant.__name__)
    return planted(plant)
