"""Which socket of a device is newer: the one that was opened later, however late it speaks."""

import asyncio
from typing import Any

from edge.connections import Connections
from edge.tokens import Principal

ANN = Principal("ann", "phone", 1e12)


class _Socket:
    """As much of a socket as its place among others needs."""

    def __init__(self, session_id: int) -> None:
        self.session_id = session_id
        self.principal = ANN


async def test_a_socket_that_was_opened_earlier_never_takes_a_later_ones_place() -> None:
    connections = Connections(asyncio.get_running_loop(), 30.0, devices_max=10)
    left_behind: Any = _Socket(2)
    current: Any = _Socket(1)
    connections.add(left_behind)
    connections.add(current)
    assert not connections.has_newer(current, ANN)
    assert connections.authenticated(current, ANN) is None
    assert connections.has_newer(left_behind, ANN)
    connections.remove(current)
    assert not connections.has_newer(left_behind, ANN)


async def test_a_socket_that_was_opened_later_takes_the_place() -> None:
    connections = Connections(asyncio.get_running_loop(), 30.0, devices_max=10)
    first: Any = _Socket(1)
    second: Any = _Socket(2)
    connections.add(first)
    connections.add(second)
    connections.authenticated(first, ANN)
    assert not connections.has_newer(second, ANN)
    assert connections.authenticated(second, ANN) is first
