"""Mistakes in the core of the client."""

from __future__ import annotations

from functools import wraps
from typing import Any

import pytest

from client import outbox
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
def what_is_stale_is_sent_anew_at_once(patch: pytest.MonkeyPatch) -> None:
    rejected = Outbox.rejected

    @wraps(rejected)
    def hasty(self: Outbox, frame: Any, now: int, out: Any) -> str | None:
        conversation_id = rejected(self, frame, now, out)
        if conversation_id is not None:
            self.synced(conversation_id, out)
        return None

    patch.setattr(Outbox, "rejected", hasty)


@planted
def a_message_gets_a_new_id_with_each_connection(patch: pytest.MonkeyPatch) -> None:
    connected = Outbox.connected

    @wraps(connected)
    def hasty(self: Outbox, limits: Any) -> None:
        connected(self, limits)
        for entry in self.entries.values():
            entry.first_sent_at = None

    patch.setattr(Outbox, "connected", hasty)
    patch.setattr(outbox, "is_fresh", lambda message_id, now: False)


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
