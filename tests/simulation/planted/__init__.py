"""Mistakes, each planted in the real code by itself: the simulator is worth what it finds of these.

A mistake changes one rule, one order of steps or one bound, as a hasty change might. Those marked
`found here` were in the code until the simulator met them. There is one module per subject; a new
module is added to the imports below. A restore of heads that is not guarded is not among them: it
needs Redis to forget twice, around one message and one call, and a device that comes back only
then. The model of that joint finds it: `tests/projections/test_joint.py`.
"""

from tests.simulation.planted import (
    admission,
    client,
    deciding,
    devices,
    edge,
    effects,
    joint,
    reading,
    routing,
    rows,
    sessions,
    sockets,
    unread,
    workers,
)
from tests.simulation.planted.registry import PLANTED, QUIET

__all__ = [
    "PLANTED",
    "QUIET",
    "admission",
    "client",
    "deciding",
    "devices",
    "edge",
    "effects",
    "joint",
    "reading",
    "routing",
    "rows",
    "sessions",
    "sockets",
    "unread",
    "workers",
]
