"""A page of a conversation made of rows, and when it is good enough to be sent. Pure.

In: rows as history holds them, what was asked, the head. Out: the rows that follow each other
without a gap, cut to size, and whether they reach what was asked. Seqs have no gaps, so a row that
is missing between others is not written *yet* (batches are written side by side): the page ends
before it. Only when history has committed an offset behind a later row will the missing one never
come (it was set aside), and the page goes on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from events import frames
from events.messages import MessageSent
from events.queries import HistoryRequested
from projections.history.rows import TimelineRow
from projections.positions import offset_of

PAGE_BYTES = 262_144
"""Bodies in one page, as they are encoded."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request comes down to, once the head is known: a direction, a start, a limit.

    `target` is the seq that must be reached: the last of the page when rising, the first when
    falling; never above the head, so nobody waits for what does not exist.
    """

    rising: bool
    start: int
    target: int
    limit: int


@dataclass(frozen=True, slots=True)
class Page:
    """Rows rising by seq, whether they are all that was asked, and the next page's cursor."""

    rows: Sequence[TimelineRow]
    reached: bool
    next_seq: int | None


def ask_of(request: HistoryRequested, head: int) -> Ask:
    """What is asked. Above the head there is nothing below which to look."""
    if request.before_seq is not None:
        top = min(request.before_seq, head + 1)
        return Ask(False, top, top - 1, request.limit)
    after = request.after_seq or 0
    return Ask(True, after, min(max(request.up_to_seq or 0, after + 1), head), request.limit)


def page_of(ask: Ask, rows: Iterable[TimelineRow], head: int, applied: int | None) -> Page:
    """The page that these rows make; `applied` is the offset that history has committed."""
    step = 1 if ask.rising else -1
    found = unbroken(rows, ask.start + step, step, applied)
    run = cut(found)
    full = len(run) >= ask.limit or len(run) < len(found)
    if ask.rising:
        last = run[-1].seq if run else ask.start
        reached = full or last >= ask.target
        more = last < head if reached else True
        return Page(run, reached, last if more else None)
    reached = ask.target < 1 or bool(run and run[0].seq == ask.target)
    first = run[-1].seq if run else ask.start
    return Page(run[::-1], reached, first if run and first > 1 else None)


def unbroken(
    rows: Iterable[TimelineRow], first: int, step: int, applied: int | None
) -> list[TimelineRow]:
    """The rows up to the first gap that may still be filled."""
    run: list[TimelineRow] = []
    expected = first
    for row in rows:
        if row.seq != expected and (applied is None or offset_of(row.position) >= applied):
            break
        run.append(row)
        expected = row.seq + step
    return run


def cut(rows: Sequence[TimelineRow]) -> Sequence[TimelineRow]:
    """The first rows, at least one, as long as their bodies fit in a page."""
    size = 0
    for index, row in enumerate(rows):
        size += len(_encode(row.body))
        if index and size > PAGE_BYTES:
            return rows[:index]
    return rows


def page_frame(
    request: HistoryRequested, page: Page, receipts: Iterable[Mapping[str, Any]]
) -> bytes:
    """The page as its client is shown it."""
    return frames.page(
        request_id=request.request_id,
        conversation_id=request.conversation_id,
        # A row has every field of its fact that is shown.
        events=[frames.message_object(cast(MessageSent, row)) for row in page.rows],
        next_seq=page.next_seq,
        receipts=receipts,
    )
