"""Empties a gateway that stops: its clients leave one after the other, not all at once.

In: the sockets, and the time to spread their ends over. Out: each closed with 1012, which sends the
client elsewhere after a short wait of its own; returns when all have gone.
"""

import asyncio
import time

from edge.connections import Connections
from edge.websocket import CLOSE_SECONDS
from events.frames import CloseCode

_TICK_SECONDS = 0.05
_GRACE_SECONDS = 1.0


async def drain(connections: Connections, spread_seconds: float) -> None:
    """Close every socket within the time, and wait for their ends."""
    sockets = connections.all_sockets()
    started_at = time.monotonic()
    closed = 0
    while closed < len(sockets):
        passed = time.monotonic() - started_at
        share = 1.0 if spread_seconds <= 0 else min(1.0, passed / spread_seconds)
        due = max(1, round(len(sockets) * share))
        for socket in sockets[closed:due]:
            socket.close(CloseCode.RESTARTING, "restarting")
        closed = max(closed, due)
        await asyncio.sleep(_TICK_SECONDS)
    left = [socket.ended for socket in connections.all_sockets()]
    if left:
        await asyncio.wait(left, timeout=CLOSE_SECONDS + _GRACE_SECONDS)
