"""Mistakes in decisions that the decider makes alike whenever it is asked."""

from __future__ import annotations

from typing import Any

import pytest

from processors.admission import decider, owner, remembered, restore, state
from processors.admission.features import receipts
from processors.admission.remembered import Remembered
from tests.simulation.planted.registry import planted


@planted
def a_repeat_is_answered_with_another_seq(patch: pytest.MonkeyPatch) -> None:
    find = Remembered.find

    def wrong(self: Remembered, digest: bytes) -> Any:
        found = find(self, digest)
        return None if found is None else (found[0] + 1, found[1])

    patch.setattr(Remembered, "find", wrong)


@planted
def ids_are_remembered_by_sender_alone(patch: pytest.MonkeyPatch) -> None:
    digest = remembered.message_digest

    def coarse(sent: Any, message_id: str) -> bytes:
        return digest(sent, message_id[-1] * 36)

    for module in (decider, state):
        patch.setattr(module, "message_digest", coarse)


@planted
def only_the_last_id_is_remembered(patch: pytest.MonkeyPatch) -> None:
    add = Remembered.add

    def short(self: Remembered, *entry: Any) -> None:
        self._entries.clear()
        self._order.clear()
        add(self, *entry)

    patch.setattr(Remembered, "add", short)


@planted
def what_comes_before_is_not_asked_for(patch: pytest.MonkeyPatch) -> None:
    refusal = decider._refusal

    def lenient(*asked: Any) -> Any:
        found = refusal(*asked)
        return None if found is not None and found.code.value == "out_of_order" else found

    patch.setattr(decider, "_refusal", lenient)


@planted
def anybody_may_move_any_marker(patch: pytest.MonkeyPatch) -> None:
    move = receipts.move

    def open_to_all(conversation: Any, members: Any, marker: Any, place: Any) -> Any:
        return move(conversation, (*members, marker.user_id), marker, place)

    patch.setattr(receipts, "move", open_to_all)


@planted
def moves_are_not_folded_at_a_restore(patch: pytest.MonkeyPatch) -> None:
    fold = restore.fold

    def partial(one: Any, fence: Any, codec: Any, record: Any, *more: Any) -> None:
        if not record.topic().endswith("receipts"):
            fold(one, fence, codec, record, *more)

    patch.setattr(restore, "fold", partial)


@planted
def a_new_owner_goes_on_one_submission_too_late(patch: pytest.MonkeyPatch) -> None:
    assigned = owner.Owner.assigned

    async def late(self: owner.Owner, committed: Any) -> Any:
        for place in await assigned(self, committed):
            if place.offset > 0:
                place.offset += 1
        return committed

    patch.setattr(owner.Owner, "assigned", late)
