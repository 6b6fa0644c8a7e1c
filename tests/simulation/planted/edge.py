"""Mistakes of gateways: what they publish, drop, mix up and wait for."""

from __future__ import annotations

from typing import Any

import pytest

from edge import outbox
from edge.announcer import Announcer
from edge.backlog import Backlog
from edge.deliveries import Deliveries
from edge.markers import Markers
from edge.publisher import EdgePublisher
from tests.simulation.planted.registry import planted


@planted
def the_lowest_of_several_markers_is_kept(patch: pytest.MonkeyPatch) -> None:
    add = Markers.add

    def stubborn(self: Any, marker: Any) -> bool:
        key = (marker.conversation_id, marker.user_id, marker.device_id, marker.kind)
        return key in self._pending or add(self, marker)

    patch.setattr(Markers, "add", stubborn)


@planted
def failed_markers_are_dropped(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(EdgePublisher, "_mark_again", lambda self, packed: None)


@planted
def markers_of_two_members_are_taken_for_one(patch: pytest.MonkeyPatch) -> None:
    def confused(self: Any, marker: Any) -> bool:
        self._pending[marker.conversation_id, "", "", marker.kind] = marker
        return True

    patch.setattr(Markers, "add", confused)


@planted
def a_full_outbox_drops_its_oldest_frame(patch: pytest.MonkeyPatch) -> None:
    def lossy(self: Any, frame: bytes) -> bool:
        if len(self._waiting) >= self._frames_max:
            del self._waiting[0]
        self._waiting.append(frame)
        return True

    patch.setattr(outbox.Outbox, "put", lossy)


@planted
def frames_of_a_pass_are_written_in_reverse(patch: pytest.MonkeyPatch) -> None:
    flush = outbox.Outbox.flush

    def backwards(self: Any) -> None:
        if isinstance(self._waiting, list):
            self._waiting.reverse()
        flush(self)

    patch.setattr(outbox.Outbox, "flush", backwards)


@planted
def what_kafka_did_not_take_is_waited_for_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Backlog, "failed", lambda self, partition: None)


@planted
def a_record_of_deliveries_is_dropped_when_it_comes_with_others(
    patch: pytest.MonkeyPatch,
) -> None:
    deliver = Deliveries._deliver

    def lossy(self: Any, value: Any) -> None:
        known = self.__dict__.setdefault("seen_at", self._clock())
        self.__dict__["count"] = self.__dict__.get("count", 0) + 1
        if self.__dict__["count"] % 5 or known == self._clock():
            deliver(self, value)

    patch.setattr(Deliveries, "_deliver", lossy)


@planted
def only_the_first_session_is_announced_again(patch: pytest.MonkeyPatch) -> None:
    async def brief(self: Any) -> None:
        self._asked = False
        for socket in self._connections.all_sessions()[:1]:
            socket.announce()

    patch.setattr(Announcer, "_announce_sessions", brief)
