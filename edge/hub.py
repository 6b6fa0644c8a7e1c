"""What all sockets of a gateway share."""

import asyncio
from dataclasses import dataclass

from edge.connections import Connections
from edge.keyring import Keyring
from edge.limits import Limits
from edge.publisher import EdgePublisher
from infra.settings import EdgeSettings
from infra.telemetry import Telemetry


@dataclass(slots=True)
class Hub:
    """Who is here, what they may do, where their words go, and what is counted."""

    loop: asyncio.AbstractEventLoop
    settings: EdgeSettings
    limits: Limits
    gateway_id: str
    gateway_epoch: str
    connections: Connections
    publisher: EdgePublisher
    keyring: Keyring
    telemetry: Telemetry
