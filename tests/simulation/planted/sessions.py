"""Mistakes in who is connected where, and in what a new session is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge.connections import Connections
from processors import sessions
from projections.sessions.store import DeviceClosed, SessionStore
from tests.simulation.planted.registry import planted


@planted
def a_session_is_closed_by_the_end_of_another(patch: pytest.MonkeyPatch) -> None:
    apply = SessionStore.apply

    async def blunt(self: SessionStore, changes: Any) -> Any:
        changes = list(changes)
        for index, change in enumerate(changes):
            if isinstance(change, DeviceClosed):
                device = (change.user_id, change.session.device_id)
                for held in (await self.held([device])).values():
                    changes[index] = replace(change, session=held.session)
        return await apply(self, changes)

    patch.setattr(SessionStore, "apply", blunt)


@planted
def session_ids_are_given_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Connections, "new_session_id", lambda self: 1 + len(self._sessions))


@planted
def nobody_is_told_how_far_conversations_go(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sessions, "route_heads", lambda devices, asked, answers: {})
