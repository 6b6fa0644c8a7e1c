"""Mistakes between a batch and its effects: offsets, errors, poison."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from events.codec import DecodeError
from events.fence import NO_EPOCH
from infra.reading import NewerRelease
from processors import guard, partitions, source
from processors.dead_letters import DeadLetters
from tests.simulation.planted.registry import planted


@planted
def offsets_are_committed_before_the_effect(patch: pytest.MonkeyPatch) -> None:
    hand_over = source.Source._hand_over

    async def hasty(self: source.Source, records: Any, arrival: int) -> None:
        reached = self._reached(records)
        self._acknowledge(source._Handled(None, reached, len(records), arrival, 0.0))
        self._consumer.commit(asynchronous=True)
        await hand_over(self, records, arrival)

    patch.setattr(source.Source, "_hand_over", hasty)


@planted
def the_epoch_is_not_kept_beside_the_offset(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(guard.Guard, "epoch_of", lambda self, topic, partition: NO_EPOCH)


@planted
def records_of_partitions_that_left_are_handed_over(patch: pytest.MonkeyPatch) -> None:
    """Found here, once partitions could leave inside `consume`."""
    patch.setattr(partitions.Partitions, "still_here", lambda self, records, arrival: records)


@planted
def facts_of_a_newer_release_are_set_aside(patch: pytest.MonkeyPatch) -> None:
    """Found here, once a newer release could come."""
    found = guard.event_of

    def hasty(codec: Any, record: Any) -> Any:
        try:
            return found(codec, record)
        except NewerRelease as error:
            raise DecodeError("unknown_schema", str(error)) from error

    patch.setattr(guard, "event_of", hasty)


@planted
def what_the_registry_cannot_say_now_is_poison(patch: pytest.MonkeyPatch) -> None:
    async def impatient(self: guard.Guard, records: Any) -> None:
        for schema_id in self._codec.unknown(record.value() for record in records):
            with contextlib.suppress(ConnectionError):
                self._look_up(schema_id)

    patch.setattr(guard.Guard, "_find_out", impatient)


@planted
def an_error_of_a_store_is_swallowed(patch: pytest.MonkeyPatch) -> None:
    _swallow(patch, ConnectionError)


@planted
def a_time_out_is_taken_for_success(patch: pytest.MonkeyPatch) -> None:
    _swallow(patch, TimeoutError)


@planted
def poison_is_passed_over_in_silence(patch: pytest.MonkeyPatch) -> None:
    def silent(self: DeadLetters, record: Any, code: str, detail: str) -> asyncio.Future[int]:
        done = asyncio.get_running_loop().create_future()
        done.set_result(0)
        return done

    patch.setattr(DeadLetters, "set_aside", silent)


def _swallow(patch: pytest.MonkeyPatch, kind: type[Exception]) -> None:
    """Take a batch for handled when it met an error of this kind."""
    begin = guard.Guard.__init__

    def hopeful(self: guard.Guard, group: str, handler: Any, **more: Any) -> None:
        async def handle(batch: Any) -> Any:
            try:
                return await handler(batch)
            except kind:
                return None

        begin(self, group, handle, **more)

    patch.setattr(guard.Guard, "__init__", hopeful)
