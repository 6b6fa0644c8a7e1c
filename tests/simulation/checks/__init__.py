"""What must hold when a world has come to rest: the promises of docs/invariants.md, one by one.

Each check looks at the log, at the stores and at the devices from outside, and gives sentences
about what does not hold. None of them uses the code that it checks, but for the fence and the
projections, which are folded from the log once more. There is one module per subject; a new module
is added to the imports below.
"""

from tests.simulation.checks import (
    conservation,
    decisions,
    edges,
    frames,
    membership,
    messages,
    reading,
    receipts,
    redis,
    replay,
    snapshots,
    unread,
)
from tests.simulation.checks.registry import CHECKS, checked_while_running
from tests.simulation.checks.seen import Seen
from tests.simulation.world import World, inside

__all__ = [
    "CHECKS",
    "conservation",
    "decisions",
    "edges",
    "frames",
    "membership",
    "messages",
    "reading",
    "receipts",
    "redis",
    "replay",
    "snapshots",
    "unread",
    "violations",
]

checked_while_running("tokens", "I12")
checked_while_running("liveness", "I11")
checked_while_running("commits", "I1")
checked_while_running("fault", "I10")


def violations(world: World) -> list[str]:
    """Everything that does not hold, each sentence after the name of its check."""
    seen = Seen(world)
    found = [*world.parts.findings, *(f"fault: {one}" for one in world.parts.loop.faults)]
    with inside(world):
        for name, check in CHECKS.items():
            if check.look is not None:
                found += (f"{name}: {one}" for one in check.look(seen))
    return found
