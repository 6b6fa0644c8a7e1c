"""Mistakes in how batches are guarded, confirmed and acknowledged."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from events.conversations import WriterClaimed
from events.fence import Fence
from infra.transient import is_transient
from processors import guard
from processors.received import Poison
from tests.simulation.planted.registry import planted


@planted
def a_fault_of_the_program_is_swallowed(patch: pytest.MonkeyPatch) -> None:
    begin = guard.Guard.__init__

    def hopeful(self: guard.Guard, group: str, handler: Any, **more: Any) -> None:
        async def handle(batch: Any) -> Any:
            try:
                return await handler(batch)
            except Poison:
                raise
            except Exception as error:
                if is_transient(error):
                    raise
                return None

        begin(self, group, handle, **more)

    patch.setattr(guard.Guard, "__init__", hopeful)


@planted
def offsets_are_stored_before_confirmation(patch: pytest.MonkeyPatch) -> None:
    take = guard.Guard.take

    async def hopeful(self: guard.Guard, records: Any) -> Any:
        confirmation = await take(self, records)
        if confirmation is None or self.group != "fanout":
            return confirmation
        asyncio.ensure_future(confirmation)  # noqa: RUF006 - that nobody waits is the mistake
        return None

    patch.setattr(guard.Guard, "take", hopeful)


@planted
def three_tries_are_enough(patch: pytest.MonkeyPatch) -> None:
    begin = guard.Guard.__init__

    def impatient(self: guard.Guard, group: str, handler: Any, **more: Any) -> None:
        tries: dict[int, int] = {}

        async def handle(batch: Any) -> Any:
            try:
                return await handler(batch)
            except (ConnectionError, TimeoutError):
                tries[id(batch)] = tries.get(id(batch), 0) + 1
                if tries[id(batch)] < 3:
                    raise
                return None

        begin(self, group, handle, **more)

    patch.setattr(guard.Guard, "__init__", impatient)


@planted
def only_the_newest_record_of_a_batch_is_handled(patch: pytest.MonkeyPatch) -> None:
    begin = guard.Guard.__init__

    def hasty(self: guard.Guard, group: str, handler: Any, **more: Any) -> None:
        async def handle(batch: Any) -> Any:
            return await handler(batch[-1:] if group == "receipts" else batch)

        begin(self, group, handle, **more)

    patch.setattr(guard.Guard, "__init__", hasty)


@planted
def good_records_are_set_aside_with_the_bad_one(patch: pytest.MonkeyPatch) -> None:
    sort = guard.Guard._sort

    def harsh(self: guard.Guard, *taken: Any) -> Any:
        batch, aside = sort(self, *taken)
        if aside and batch:
            received = batch.pop()
            aside.append(self._dead_letters.set_aside(received.record, "malformed", "near it"))
        return batch, aside

    patch.setattr(guard.Guard, "_sort", harsh)


@planted
def the_fence_is_skipped_in_fan_out(patch: pytest.MonkeyPatch) -> None:
    """Facts of an owner that was replaced are routed as if they counted."""
    sort = guard.Guard._sort

    class Open(Fence):
        __slots__ = ()

        def admits(self, event: Any, offset: int) -> bool:
            return Fence.admits(self, event, offset) or not isinstance(event, WriterClaimed)

    def open_to_all(self: guard.Guard, *taken: Any) -> Any:
        if self.group == "fanout":
            for fence in self._fences.values():
                fence.__class__ = Open
        return sort(self, *taken)

    patch.setattr(guard.Guard, "_sort", open_to_all)
