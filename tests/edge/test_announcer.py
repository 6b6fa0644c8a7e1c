"""Sessions are announced again whenever that is asked for, also during an announcement."""

import asyncio
from typing import Any

from edge import announcer
from edge.announcer import Announcer


class Session:
    """Counts how often it was announced."""

    announced = 0

    def announce(self) -> None:
        self.announced += 1


class Connections:
    """So many sessions that an announcement takes several turns."""

    def __init__(self) -> None:
        self.sessions = [Session() for _ in range(announcer._SESSIONS_AT_ONCE + 1)]

    def all_sessions(self) -> list[Session]:
        return self.sessions


async def test_who_asks_meanwhile_is_heard_once_more() -> None:
    connections: Any = Connections()
    voice: Any = None
    asked = Announcer("gateway-1", "epoch", connections, voice)
    asked.sessions()
    await asyncio.sleep(0)
    assert connections.sessions[0].announced == 1
    assert connections.sessions[-1].announced == 0
    for _ in range(3):
        asked.sessions()
    assert asked._sessions is not None
    await asked._sessions
    assert {one.announced for one in connections.sessions} == {2}
