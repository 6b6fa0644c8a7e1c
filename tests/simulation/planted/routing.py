"""Mistakes in who is shown what, and in what Redis is told on the way."""

from __future__ import annotations

from typing import Any

import pytest

from events.members import members_of
from events.receipts import ReadMarkerMoved
from processors.fanout import agent, routing
from projections.pipe import pack
from projections.routing import store
from projections.routing.store import RoutingStore
from tests.simulation.planted.registry import planted


@planted
def heads_may_fall(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(store, "pack", lambda *words: pack(*(one for one in words if one != "GT")))


@planted
def only_the_last_head_of_a_batch_is_recorded(patch: pytest.MonkeyPatch) -> None:
    record = store.record
    patch.setattr(
        store, "record", lambda heads, *more: record(dict(list(heads.items())[-1:]), *more)
    )


@planted
def who_began_a_conversation_is_not_among_its_members(patch: pytest.MonkeyPatch) -> None:
    record = RoutingStore.record_and_find

    async def partial(self: Any, heads: Any, markers: Any, by_user: Any, users: Any) -> Any:
        some = [(user, one) for user, one in by_user if user != members_of(one)[0]]
        return await record(self, heads, markers, some, users)

    patch.setattr(RoutingStore, "record_and_find", partial)


@planted
def read_moves_are_not_shown_to_the_readers_own_devices(patch: pytest.MonkeyPatch) -> None:
    shown = routing._shown

    def shy(event: Any, sessions: Any, members: Any) -> Any:
        if isinstance(event, ReadMarkerMoved):
            sessions = {user: some for user, some in sessions.items() if user != event.user_id}
        return shown(event, sessions, members)

    patch.setattr(routing, "_shown", shy)


@planted
def one_of_two_members_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    shown = routing._shown
    patch.setattr(
        routing,
        "_shown",
        lambda event, sessions, _: shown(event, sessions, lambda one: members_of(one)[:1]),
    )


@planted
def only_one_device_of_each_member_is_shown(patch: pytest.MonkeyPatch) -> None:
    shown = routing._shown

    def frugal(event: Any, sessions: Any, members: Any) -> Any:
        own = getattr(event, "sender_id", None)
        few = {user: some if user == own else some[:1] for user, some in sessions.items()}
        return shown(event, few, members)

    patch.setattr(routing, "_shown", frugal)


@planted
def the_last_of_several_records_is_not_sent(patch: pytest.MonkeyPatch) -> None:
    records = routing.records
    from processors import deliveries

    def forgetful(*routed: Any) -> Any:
        some = list(records(*routed))
        return some[:-1] if len(some) > 1 else some

    patch.setattr(deliveries, "records", forgetful)


@planted
def frames_of_a_batch_are_sent_in_reverse(patch: pytest.MonkeyPatch) -> None:
    route = routing.route

    def backwards(*asked: Any) -> Any:
        return {gateway: some[::-1] for gateway, some in route(*asked).items()}

    patch.setattr(agent, "route", backwards)


@planted
def sessions_are_remembered_from_batch_to_batch(patch: pytest.MonkeyPatch) -> None:
    find = RoutingStore.record_and_find

    async def lazy(self: Any, heads: Any, markers: Any, started: Any, users: Any) -> Any:
        found = await find(self, heads, markers, started, users)
        known = self.__dict__.setdefault("known", {})
        for user in users:
            known.setdefault(user, found[user])
        return {user: known[user] for user in users}

    patch.setattr(RoutingStore, "record_and_find", lazy)


@planted
def gateways_that_are_met_for_the_first_time_are_left_out(patch: pytest.MonkeyPatch) -> None:
    find = RoutingStore.record_and_find

    async def narrow(self: RoutingStore, *asked: Any) -> Any:
        known = self._gateways
        found = await find(self, *asked)
        return {
            user: [one for one in some if one.gateway_id in known] for user, some in found.items()
        }

    patch.setattr(RoutingStore, "record_and_find", narrow)


@planted
def markers_are_recorded_one_too_low(patch: pytest.MonkeyPatch) -> None:
    record = store.record

    def modest(heads: Any, markers: Any, *more: Any) -> Any:
        return record(heads, {marker: seq - 1 for marker, seq in markers.items()}, *more)

    patch.setattr(store, "record", modest)
