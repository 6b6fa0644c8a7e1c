"""What all sockets of a gateway share."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.connections import Connections
from edge.keyring import Keyring
from edge.limits import Limits, UserRates
from edge.outbox import Budget
from edge.publisher import EdgePublisher
from infra.settings import EdgeSettings
from infra.telemetry import EDGE_FRAMES_RECEIVED, EDGE_FRAMES_SENT, Telemetry

WAITING_BYTES_MAX = 536_870_912
"""Unless the settings say otherwise."""


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
    users: UserRates = field(init=False)
    waiting: Budget = field(default_factory=lambda: Budget(WAITING_BYTES_MAX))
    """What waits for all slow clients together."""
    wall_time: Callable[[], float] = time.time
    """Seconds since 1970-01-01 UTC."""
    count_received: Callable[[int], None] = field(init=False)
    count_sent: Callable[[int], None] = field(init=False)

    def __post_init__(self) -> None:
        self.users = UserRates(self.limits)
        self.count_received = self.telemetry.counter(EDGE_FRAMES_RECEIVED)
        self.count_sent = self.telemetry.counter(EDGE_FRAMES_SENT)
