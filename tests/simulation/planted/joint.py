"""Mistakes where sync meets the live stream: sessions, heads, deliveries."""

from __future__ import annotations

from typing import Any

import pytest

from edge import announcer, deliveries
from infra import redis
from processors import heads
from processors.fanout import routing
from projections.routing.store import RoutingStore, record
from projections.sessions.store import SessionStore
from tests.simulation.parts import Parts
from tests.simulation.planted.registry import planted, planted_quietly


@planted_quietly
def what_redis_held_in_another_run_is_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(redis, "beginning", lambda run: [])


@planted_quietly
def changes_are_recorded_after_sessions_are_read(patch: pytest.MonkeyPatch) -> None:
    record_and_find = RoutingStore.record_and_find

    async def hasty(self: RoutingStore, heads: Any, markers: Any, changed: Any, users: Any) -> Any:
        found = await record_and_find(self, heads, markers, (), users)
        await self._pipe.run(record({}, {}, changed))
        return found

    patch.setattr(RoutingStore, "record_and_find", hasty)


@planted_quietly
def a_change_keeps_its_first_number(patch: pytest.MonkeyPatch) -> None:
    """As if the number were the time of a message: it is below tokens that were given out."""
    record_and_find = RoutingStore.record_and_find
    known: set[Any] = set()

    async def once(self: RoutingStore, heads: Any, markers: Any, changed: Any, users: Any) -> Any:
        fresh = [one for one in changed if one not in known]
        known.update(fresh)
        return await record_and_find(self, heads, markers, fresh, users)

    patch.setattr(RoutingStore, "record_and_find", once)


@planted
def every_life_of_redis_has_the_same_word(patch: pytest.MonkeyPatch) -> None:
    """So tokens of another life are believed, and what was read before a loss is put back."""
    patch.setattr(Parts, "new_word", lambda self: "0" * 16)


@planted
def a_page_of_heads_is_taken_for_the_whole(patch: pytest.MonkeyPatch) -> None:
    answer_of = heads.answer_of

    def short(wanted: Any, recent: Any, **more: Any) -> Any:
        page = recent._replace(changes=recent.changes[: wanted.limit])
        return answer_of(wanted, page, **more)

    patch.setattr(heads, "answer_of", short)


@planted
def sessions_are_not_announced_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(announcer.Announcer, "sessions", lambda self: None)


@planted
def what_is_owed_dies_with_its_process(patch: pytest.MonkeyPatch) -> None:
    """Found here: a device whose answer was not whole was owed the rest in memory only."""

    async def forgetful(self: SessionStore, devices: Any) -> None:
        pass

    patch.setattr(SessionStore, "owe", forgetful)


@planted
def deliveries_of_another_epoch_are_taken(patch: pytest.MonkeyPatch) -> None:
    deliver = deliveries.Deliveries._deliver

    def credulous(self: Any, value: Any) -> None:
        self._epoch = getattr(self._event(value), "gateway_epoch", None)
        deliver(self, value)

    patch.setattr(deliveries.Deliveries, "_deliver", credulous)


@planted
def a_users_other_devices_are_left_out(patch: pytest.MonkeyPatch) -> None:
    shown = routing._shown

    def selfish(event: Any, sessions: Any, members: Any) -> Any:
        others = {user: some for user, some in sessions.items()}
        sender = getattr(event, "sender_id", None)
        if sender is not None:
            own = [one for one in others.get(sender, ()) if one.device_id == event.device_id]
            others[sender] = own
        return shown(event, others, members)

    patch.setattr(routing, "_shown", selfish)
