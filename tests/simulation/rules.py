"""The rules of a run: each writer stamps its decisions in its own way, and limits are small.

Two owners of a partition that decide alike hide each other: it would not show if somebody took the
word of the wrong one. So the time of each decision depends a little on the epoch of its writer, as
if owners were of different releases. In half of the runs limits are small, so that pages, buckets,
parts and batches end, and begin, among a handful of messages.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest

from client import conversations, sync
from edge import announcer, markers
from processors import heads as processors_heads
from processors import pages, queries, reader, sessions
from processors.admission import agent, decider, restore
from processors.admission.place import Place
from processors.fanout import routing
from processors.snapshots import plan
from projections.heads import store as heads
from projections.history import projection as history
from projections.history import store as timeline

FACTS_BETWEEN_SNAPSHOTS = 4

_STAMPS = 7
"""Milliseconds by which the times of different writers may differ."""

_SMALL: tuple[tuple[Any, str, int], ...] = (
    (history, "BUCKET_SEQS", 4),
    (timeline, "_ROWS_AT_ONCE", 2),
    (pages, "PAGE_BYTES", 40),
    (queries, "USER_AT_ONCE", 1),
    (sessions, "HEADS_A_FRAME", 1),
    (reader, "HEADS_A_FRAME", 1),
    (processors_heads, "_READ_AT_ONCE", 2),
    (routing, "RECORD_BYTES_MAX", 300),
    (heads, "_AT_ONCE", 2),
    (restore, "_TAIL_RECORDS", 2),
    (restore, "_WIDEN", 2),
    (plan, "PART_BYTES_MAX", 150),
    (plan, "_REMEMBERED_A_PART", 2),
    (announcer, "_SESSIONS_AT_ONCE", 1),
    (markers, "MARKERS_MAX", 1),
    (sync, "FETCHES_MAX", 1),
    (sync, "PAGE_LIMIT", 3),
    (conversations, "PENDING_MAX", 2),
)

Decide = Callable[..., Any]


@contextmanager
def in_force(seed: int) -> Iterator[None]:
    """The rules of a run, until it ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "FACTS_BETWEEN", FACTS_BETWEEN_SNAPSHOTS)
        patch.setattr(agent, "decide", stamped(agent.decide))
        if Random(seed).random() < 0.5:
            for module, name, limit in _SMALL:
                patch.setattr(module, name, limit)
        yield


def stamped(decide: Decide) -> Decide:
    """A way to decide in which the writer can be told from the time."""

    def decide_stamped(state: Any, submitted: Any, place: Place) -> Any:
        at = place.at + place.epoch % _STAMPS
        return decide(state, submitted, Place(place.epoch, place.submission_offset, at))

    return decide_stamped


decide_again = stamped(decider.decide)
"""How a decision is made again from the log alone."""
