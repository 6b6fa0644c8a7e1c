"""Mistakes at the edge: slow devices, tokens, outboxes."""

from __future__ import annotations

from typing import Any

import pytest

from edge import outbox, session, tokens
from edge.connections import Connections
from edge.session import Session
from edge.websocket import ClientSocket
from edge.wire import close_frame
from events.frames import CloseCode
from tests.simulation.planted.registry import planted


@planted
def an_outbox_has_no_bound(patch: pytest.MonkeyPatch) -> None:
    def generous(self: outbox.Outbox, frame: bytes) -> bool:
        self._bytes += len(frame)
        self._waiting.append(frame)
        return True

    patch.setattr(outbox.Outbox, "put", generous)


@planted
def a_slow_device_is_sent_away_for_ever(patch: pytest.MonkeyPatch) -> None:
    def harsh(self: ClientSocket) -> None:
        self._outbox.abandon(close_frame(CloseCode.POLICY_VIOLATION, "too_slow"))
        self._begin_to_close(CloseCode.POLICY_VIOLATION)

    patch.setattr(ClientSocket, "_overflow", harsh)


@planted
def a_slow_device_holds_up_the_others(patch: pytest.MonkeyPatch) -> None:
    def patient(self: Connections) -> None:
        sockets: list[Any] = self._unwritten
        while sockets and not sockets[0]._outbox._flow.writing_paused:
            sockets.pop(0).flush()

    patch.setattr(Connections, "flush", patient)


@planted
def a_device_is_welcomed_before_it_can_be_reached(patch: pytest.MonkeyPatch) -> None:
    authenticated = Session.authenticated

    def hasty(
        self: Session, principal: Any, session_id: int, now: float, wall_now: float, *more: Any
    ) -> Any:
        effects = authenticated(self, principal, session_id, now, wall_now, *more)
        return effects if self.is_registered else (*effects, *self.registered(wall_now))

    patch.setattr(Session, "authenticated", hasty)


@planted
def answers_do_not_wait_for_the_welcome(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Session, "_in_turn", lambda self, effects: effects)


@planted
def the_welcome_comes_behind_what_was_routed(patch: pytest.MonkeyPatch) -> None:
    registered = ClientSocket.registered

    def late(self: ClientSocket) -> None:
        if not self._session.is_registered:
            self._hub.loop.call_soon(registered, self)

    patch.setattr(ClientSocket, "registered", late)


@planted
def an_expired_token_is_let_in(patch: pytest.MonkeyPatch) -> None:
    timely = tokens._timely
    patch.setattr(
        tokens, "_timely", lambda claims, now, *more: timely(claims, claims["iat"], *more)
    )


@planted
def a_session_outlives_its_token(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Session, "tick", lambda self, now: ())


@planted
def a_fresh_token_changes_nothing(patch: pytest.MonkeyPatch) -> None:
    authenticated = Session.authenticated

    def stubborn(self: Session, *believed: Any) -> Any:
        until = self._expires_at
        effects = authenticated(self, *believed)
        self._expires_at = until or self._expires_at
        return effects

    patch.setattr(Session, "authenticated", stubborn)


@planted
def a_session_takes_anybodys_token(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(session, "_same_device", lambda one, other: True)


@planted
def who_is_said_to_be_replaced_is_closed_at_once(patch: pytest.MonkeyPatch) -> None:  # found here
    patch.setattr(ClientSocket, "replaced", lambda self: self.close(CloseCode.REPLACED, "replaced"))
