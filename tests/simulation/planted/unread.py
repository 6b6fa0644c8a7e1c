"""Mistakes in what counts as unread and in what moves a read marker.

Reading only the first page of the inbox is found by `tests/client/test_many_conversations.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from client.inbound import Inbound
from client.memory import MemoryStore
from processors.reader import Reader
from projections.history.store import TimelineStore
from tests.simulation.planted.registry import planted


@planted
def to_answer_is_to_have_read(patch: pytest.MonkeyPatch) -> None:
    """Found by readers: an answer written offline marked what its writer had never seen."""
    count = Reader._unread

    async def presumptuous(self: Reader, newest: Any, user_id: str, read: int) -> int:
        return await count(self, newest, user_id, max(read, newest.own_seq))

    patch.setattr(Reader, "_unread", presumptuous)


@planted
def ones_own_messages_count_as_unread(patch: pytest.MonkeyPatch) -> None:
    async def blind(self: TimelineStore, *asked: Any) -> int:
        return 0

    patch.setattr(TimelineStore, "sent_by", blind)


@planted
def a_device_counts_its_own_messages_as_unread(patch: pytest.MonkeyPatch) -> None:
    unread = MemoryStore.unread
    patch.setattr(
        MemoryStore, "unread", lambda self, one, after, user: unread(self, one, after, "")
    )


@planted
def what_others_read_is_not_taken_live(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Inbound, "_receipt", lambda self, frame, out: None)


@planted
def unread_is_always_one_too_many(patch: pytest.MonkeyPatch) -> None:
    count = Reader._unread

    async def generous(self: Reader, newest: Any, user_id: str, read: int) -> int:
        return await count(self, newest, user_id, read) + 1

    patch.setattr(Reader, "_unread", generous)
