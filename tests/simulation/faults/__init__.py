"""What may go wrong, by name: each changes a world. A run draws some of these, and how often.

There is one module per subject; a new module is added to the imports below.
"""

from tests.simulation.faults import (
    clocks,
    devices,
    gateways,
    log,
    losses,
    parts,
    strangers,
    tokens,
    workers,
)
from tests.simulation.faults.registry import FAULTS

__all__ = [
    "FAULTS",
    "clocks",
    "devices",
    "gateways",
    "log",
    "losses",
    "parts",
    "strangers",
    "tokens",
    "workers",
]
