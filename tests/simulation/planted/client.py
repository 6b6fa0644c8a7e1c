"""Mistakes in the core of the client."""

from __future__ import annotations

from functools import wraps
from typing import Any

import pytest

from client.conversations import Conversation
from client.effects import EntrySettled
from client.outbox import Outbox
from tests.simulation.planted.registry import planted


@planted
def a_message_leaves_the_outbox_when_it_is_sent(patch: pytest.MonkeyPatch) -> None:
    transmit = Outbox._transmit

    @wraps(transmit)
    def hopeful(self: Outbox, entry: Any, now: int, out: Any) -> None:
        transmit(self, entry, now, out)
        out.changes.append(EntrySettled(entry.order))

    patch.setattr(Outbox, "_transmit", hopeful)


@planted
def what_comes_twice_is_handed_on_twice(patch: pytest.MonkeyPatch) -> None:
    place = Conversation.place

    def forgetful(self: Conversation, event: Any) -> Any:
        return [event] if event.seq == self.cursor else place(self, event)

    patch.setattr(Conversation, "place", forgetful)


@planted
def a_gap_is_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    def impatient(self: Conversation, event: Any) -> Any:
        if event.seq <= self.cursor:
            return []
        self.cursor = event.seq
        self.head = max(self.head, event.seq)
        return [event]

    patch.setattr(Conversation, "place", impatient)


@planted
def any_number_of_messages_may_be_in_flight(patch: pytest.MonkeyPatch) -> None:
    connected = Outbox.connected

    def greedy(self: Outbox, limits: Any) -> None:
        connected(self, {})

    patch.setattr(Outbox, "connected", greedy)
