"""Everything at once."""

from __future__ import annotations

from collections.abc import AsyncIterator

from chaos.faults.base import EITHER, Since, fault
from chaos.lab import Lab
from infra.stack.services import saved_services

_SERVED_SECONDS = 45.0


@fault("F60", hold_seconds=2.0, brokers=EITHER, weight_seconds=45.0,
       bar_seconds=_SERVED_SECONDS, since=Since.STRIKE)  # fmt: skip
async def everything_killed(lab: Lab) -> AsyncIterator[None]:
    """SIGKILL to every process at once, servers and ours, and a cold start."""
    names = lab.stack.names()
    await lab.kill(*names)
    yield
    # As `chatlog up` does: servers, then who needs them.
    services = {service.name for service in saved_services(lab.stack.folder)}
    await lab.start(*(name for name in names if name not in services))
    if lab.stack.brokers == 1:
        # A broker that leads itself may keep members that died with it in their groups for ever;
        # after a stop in good order it does not (ADR 0018).
        await lab.stop("kafka")
        await lab.start("kafka")
    await lab.start(*services)
