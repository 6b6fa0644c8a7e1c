"""The register of faults, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import World

FAULTS: dict[str, Callable[[World], None]] = {}


def fault(change: Callable[[World], None]) -> Callable[[World], None]:
    """Register a fault under the name of its function."""
    FAULTS[change.__name__] = change
    return change
