"""Mistakes in the core of the client that lose, repeat, or never end."""

from __future__ import annotations

from typing import Any

import pytest

from client.conversations import Conversation
from client.outbox import Outbox
from client.refresh import Refresh
from tests.simulation.planted.registry import planted


@planted
def of_what_waits_behind_a_gap_only_one_is_released(patch: pytest.MonkeyPatch) -> None:
    place = Conversation.place

    def slow(self: Conversation, event: Any) -> Any:
        released = place(self, event)
        if len(released) > 2:
            self.cursor = self.head = released[1].seq
        return released[:2]

    patch.setattr(Conversation, "place", slow)


@planted
def nobody_asks_how_far_others_are(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Refresh, "want", lambda self, conversations: None)


@planted
def a_refusal_of_the_log_is_taken_for_acceptance(patch: pytest.MonkeyPatch) -> None:
    def glad(self: Outbox, frame: Any, now: int, out: Any) -> Any:
        self.settle(frame.id, 0, 0, out)

    patch.setattr(Outbox, "rejected", glad)
