"""Mistakes in what is written to be read, and in pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from events import frames
from events.members import members_of
from processors import pages, reader
from processors.admission import restore, state
from processors.snapshots import agent as snapshots
from processors.snapshots import plan
from projections.history.store import TimelineStore
from projections.receipts.store import ReceiptStore
from tests.simulation.planted.registry import planted


@planted
def pages_of_others_are_served(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reader, "members_of", lambda one: (*members_of(one), "ann", "bob", "cat"))


@planted
def the_cursor_of_a_page_is_one_too_far(patch: pytest.MonkeyPatch) -> None:
    page_of = pages.page_of

    def hasty(ask: Any, *more: Any) -> Any:
        page = page_of(ask, *more)
        if page.next_seq is None or not ask.rising:
            return page
        return replace(page, next_seq=page.next_seq + 1)

    patch.setattr(reader, "page_of", hasty)


@planted
def a_page_that_falls_ends_one_too_early(patch: pytest.MonkeyPatch) -> None:
    page_of = pages.page_of

    def hasty(ask: Any, *more: Any) -> Any:
        page = page_of(ask, *more)
        last = not ask.rising and page.next_seq == 2
        return replace(page, next_seq=None) if last else page

    patch.setattr(reader, "page_of", hasty)


@planted
def only_the_newest_row_of_a_batch_is_written(patch: pytest.MonkeyPatch) -> None:
    apply = TimelineStore.apply

    async def frugal(self: TimelineStore, writes: Any) -> None:
        await apply(self, list(writes)[-1:])

    patch.setattr(TimelineStore, "apply", frugal)


@planted
def moves_of_delivered_markers_are_not_kept(patch: pytest.MonkeyPatch) -> None:
    apply = ReceiptStore.apply

    async def forgetful(self: ReceiptStore, writes: Any) -> None:
        await apply(self, [write for write in writes if write.kind != "delivered"])

    patch.setattr(ReceiptStore, "apply", forgetful)


@planted
def a_snapshot_forgets_markers(patch: pytest.MonkeyPatch) -> None:
    to_snapshot = state.to_snapshot

    def forgetful(one: Any) -> Any:
        for held in to_snapshot(one):
            yield structs.replace(held, markers=())

    patch.setattr(plan, "to_snapshot", forgetful)


@planted
def a_snapshot_says_that_it_goes_one_move_further(patch: pytest.MonkeyPatch) -> None:
    write = snapshots.write

    async def ahead(publisher: Any, codec: Any, partition: int, one: Any, *more: Any) -> None:
        one.receipt_offset += 1
        try:
            await write(publisher, codec, partition, one, *more)
        finally:
            one.receipt_offset -= 1

    patch.setattr(snapshots, "write", ahead)


@planted
def half_a_snapshot_is_believed(patch: pytest.MonkeyPatch) -> None:
    add = restore.add_snapshot

    def half(one: Any, conversations: Any, remembered: bytes) -> None:
        add(one, conversations[:1] if not one.conversations else (), remembered)

    patch.setattr(restore, "add_snapshot", half)


@planted
def an_inbox_leaves_out_what_has_no_row_yet(patch: pytest.MonkeyPatch) -> None:
    """Found by readers: who syncs by the inbox did not hear of the conversation at all."""
    inbox = frames.inbox

    def silent(*, conversations: Any, **more: Any) -> bytes:
        some = [one for one in conversations if one["newest"] is not None]
        return inbox(conversations=some, **more)

    patch.setattr(frames, "inbox", silent)


@planted
def a_page_passes_over_what_is_not_written_yet(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pages, "unbroken", lambda rows, first, step, applied: list(rows))
