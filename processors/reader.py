"""Reads what queries ask for, waiting for a bounded time until history holds it.

In: a request. Out: the frame that answers it. Every wait has an end, and nobody waits for more than
the head says exists. A store that is away is answered with `unavailable`: the client asks again.
"""

import asyncio
from collections.abc import Mapping, Sequence

from events import frames
from events.frames import ErrorCode
from events.members import members_of
from events.queries import UNREAD_MAX, HeadsRequested, HistoryRequested, InboxRequested
from events.receipts import MARKER_KINDS
from events.topics import partition_of
from processors.context import Context
from processors.entries import entry, read_seq, receipts_of, unread
from processors.heads import Heads
from processors.pages import PAGE_BYTES, Ask, Page, ask_of, page_frame, page_of
from processors.session_changes import HEADS_A_FRAME, told
from projections.heads.keys import Marker
from projections.heads.places import cursor_of
from projections.heads.store import Wanted
from projections.history.projection import bucket_of
from projections.history.rows import TimelineRow
from projections.history.store import Newest, TimelineStore
from projections.receipts.store import ReceiptStore

WAIT_SECONDS = 3.0
RETRY_AFTER_SECONDS = 1.0
_PAUSE_SECONDS = 0.02
_PAUSE_SECONDS_MAX = 0.25
_READING_AT_ONCE = 16


class Reader:
    """Pages and inboxes."""

    def __init__(self, context: Context) -> None:
        self._heads = Heads(context)
        self._timeline = TimelineStore(context.database)
        self._receipts = ReceiptStore(context.database)
        self._progress = context.progress
        self._now = context.loop.time
        self._reading = asyncio.Semaphore(_READING_AT_ONCE)

    async def history(self, request: HistoryRequested) -> bytes:
        """A `page` frame, or an `error` frame."""
        conversation_id = request.conversation_id
        members = members_of(conversation_id)
        if request.user_id not in members:
            return frames.error(
                ErrorCode.FORBIDDEN,
                "You are in no such conversation.",
                request_id=request.request_id,
            )
        head = await self._heads.of(conversation_id, request.user_id)
        if head is None:  # to say that there is nothing would be believed
            return unavailable(request.request_id)
        ask = ask_of(request, head)
        page = await self._page(conversation_id, ask, head)
        if not page.reached and not page.rows:
            return unavailable(request.request_id)
        markers = await self._markers({conversation_id: members})
        return page_frame(request, page, receipts_of(conversation_id, members, markers))

    async def inbox(self, request: InboxRequested) -> bytes:
        """An `inbox` frame.

        It names every conversation of the page, also one of which no row is written yet: who walks
        through the inbox would otherwise not hear of it.
        """
        user_id = request.user_id
        wanted = Wanted(user_id, request.limit, cursor=cursor_of(request.cursor))
        answer = (await self._heads.answers([wanted]))[wanted]
        if not answer.whole:
            return unavailable(request.request_id)
        heads = answer.heads
        newest = await self._newest(heads, user_id)
        members = {one: members_of(one) for one in heads}
        markers = await self._markers(members)
        entries = await asyncio.gather(
            *(
                self._entry(one, newest.get(one), heads[one], user_id, members[one], markers)
                for one in heads
            )
        )
        return frames.inbox(
            request_id=request.request_id, conversations=entries, next_cursor=answer.next_cursor
        )

    async def heads(self, request: HeadsRequested) -> bytes:
        """A `heads` frame."""
        wanted = Wanted(request.user_id, HEADS_A_FRAME, cursor=cursor_of(request.cursor))
        answer = (await self._heads.answers([wanted]))[wanted]
        if not answer.whole:
            return unavailable(request.request_id)
        return told(answer, request.request_id)

    async def _page(self, conversation_id: str, ask: Ask, head: int) -> Page:
        deadline = self._now() + WAIT_SECONDS
        pause_seconds = _PAUSE_SECONDS
        applied = None
        while True:
            async with self._reading:
                page = page_of(ask, await self._rows(conversation_id, ask, head), head, applied)
            if page.reached or self._now() >= deadline:
                return page
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 2, _PAUSE_SECONDS_MAX)
            if pause_seconds >= _PAUSE_SECONDS_MAX:
                # Is a row late, or was its record set aside and will never come? Asked before rows
                # are read again: what was written before this offset is then found.
                partition = partition_of(conversation_id)
                applied = (await self._progress.committed("history", (partition,)))[partition]

    async def _rows(self, conversation_id: str, ask: Ask, head: int) -> list[TimelineRow]:
        if ask.rising:
            return await self._timeline.after(
                conversation_id, ask.start, until=head, limit=ask.limit, body_bytes=PAGE_BYTES
            )
        return await self._timeline.before(
            conversation_id, ask.start, limit=ask.limit, body_bytes=PAGE_BYTES
        )

    async def _newest(self, heads: Mapping[str, int], user_id: str) -> dict[str, Newest]:
        """The newest rows, as far as possible those of the heads."""
        deadline = self._now() + WAIT_SECONDS
        pause_seconds = _PAUSE_SECONDS
        found: dict[str, Newest] = {}
        missing = dict(heads)
        while True:
            buckets = {one: bucket_of(head) for one, head in missing.items()}
            found |= await self._timeline.newest(buckets, user_id)
            missing = {
                one: head
                for one, head in heads.items()
                if one not in found or found[one].row.seq < head
            }
            if not missing or self._now() >= deadline:
                break
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 2, _PAUSE_SECONDS_MAX)
        if unseen := missing.keys() - found.keys():
            held = await self._timeline.newest_buckets(unseen)
            found |= await self._timeline.newest(held, user_id)
        return found

    async def _entry(
        self,
        conversation_id: str,
        newest: Newest | None,
        head: int,
        user_id: str,
        members: Sequence[str],
        markers: Mapping[Marker, int],
    ) -> dict[str, object]:
        read = read_seq(conversation_id, user_id, markers)
        return entry(
            conversation_id,
            None if newest is None else newest.row,
            head=head,
            read=read,
            unread=0 if newest is None else await self._unread(newest, user_id, read),
            receipts=receipts_of(conversation_id, members, markers),
        )

    async def _unread(self, newest: Newest, user_id: str, read: int) -> int:
        """The messages of others above a read marker; what is read for it is bounded.

        Mostly nothing of one's own is above the marker, and two numbers say it. Otherwise one's own
        messages there are counted; when they may be too many for that, it is enough to know
        whether anybody else wrote.
        """
        row = newest.row
        conversation_id = row.conversation_id
        if read >= row.seq:
            return 0
        number = await self._timeline.number_at(conversation_id, read) if read else 0
        own_seq = newest.own_seq
        if not own_seq and bucket_of(read) < row.bucket:
            own_seq = await self._timeline.own_newest(conversation_id, user_id, read, row.seq)
        if own_seq <= read:
            return unread(row.message_number, number, 0)
        if own_seq - read <= UNREAD_MAX:
            own = await self._timeline.sent_by(conversation_id, user_id, read, own_seq)
            return unread(row.message_number, number, own)
        others = await self._timeline.others_newest(conversation_id, user_id, read, row.seq)
        return UNREAD_MAX if others > read else 0

    async def _markers(self, members: Mapping[str, Sequence[str]]) -> dict[Marker, int]:
        """What Redis holds is the newest; what it does not hold is asked from Cassandra."""
        markers = await self._heads.store.markers(members)
        lacking = {
            conversation_id: users
            for conversation_id, users in members.items()
            for user in users
            if not {(conversation_id, user, kind) for kind in MARKER_KINDS} <= markers.keys()
        }
        held = await self._receipts.markers(lacking)
        return {
            marker: max(markers.get(marker, 0), held.get(marker, 0)) for marker in markers | held
        }


def unavailable(request_id: str) -> bytes:
    """The answer to a request that cannot be answered now."""
    return frames.error(
        ErrorCode.UNAVAILABLE,
        "History cannot answer now; ask again.",
        request_id=request_id,
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )
