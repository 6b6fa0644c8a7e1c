"""What opening and keeping a session costs: rates of opens, and announcements again."""

import json
from types import SimpleNamespace
from typing import Any

from edge.effects import Close, Refuse
from edge.limits import Limits, UserRates
from edge.session import Session
from edge.websocket import ANNOUNCE_SECONDS
from projections.sessions.store import SESSIONS_SECONDS
from tests.fuzz.wire import Client


def test_the_registry_holds_a_session_longer_than_gateways_are_silent_about_it() -> None:
    assert 3 * ANNOUNCE_SECONDS <= SESSIONS_SECONDS


def test_who_opens_too_often_is_told_when_to_come() -> None:
    limits = Limits(opens_per_minute=60, open_burst=2)
    users = UserRates(limits)
    assert [users.opens.take("ann", 0.0) for _ in range(2)] == [0, 0]
    wait_seconds = users.opens.take("ann", 0.0)
    assert 0 < wait_seconds <= 1
    assert users.opens.take("bob", 0.0) == 0
    refuse, close = Session(("g", "e"), limits, users, 0.0).refused_for_opens(wait_seconds)
    assert isinstance(refuse, Refuse)
    assert json.loads(refuse.frame)["retry_after_seconds"] == round(wait_seconds, 3)
    assert isinstance(close, Close)
    assert (int(close.code), close.code.reconnect) == (4008, True)
    assert limits.announced()["opens_per_minute"] == 60


def test_a_session_is_announced_again_before_it_is_forgotten() -> None:
    world: Any = Client(known=True)
    said: list[object] = []
    world.socket._hub.publisher = SimpleNamespace(
        announce=lambda topic, event, key, still: said.append(event)
    )
    world.socket.visit(world.loop.now + 1)
    assert said == []
    world.socket._session._expires_at = float("inf")
    world.loop.now += ANNOUNCE_SECONDS + 1
    world.socket._liveness.heard(world.loop.now)
    world.socket.visit(world.loop.now)
    assert len(said) == 1
    world.socket.visit(world.loop.now + 1)
    assert len(said) == 1
