"""Puts a snapshot on `chat.snapshots`: part by part, with few of them under way.

Parts are made and encoded on a thread and the loop goes on in between, however large the state is.
The caller sees to it that the state does not change meanwhile. It counts as written when its
SnapshotCompleted is confirmed; ended before, it left parts behind that nobody looks at, and is
written again. The digest of the parts tells them from those of a writer of another release, which
may cut the same state differently.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from events.codec import Codec
from events.snapshots import SnapshotCompleted, digest_of_parts
from events.topics import SNAPSHOTS
from infra.producer import Publisher
from processors.admission.state import PartitionState
from processors.snapshots.plan import parts

PARTS_UNDER_WAY = 8


async def write(
    publisher: Publisher,
    codec: Codec,
    partition: int,
    state: PartitionState,
    log_generation: int,
    going_on: Callable[[], None],
) -> None:
    """Write the snapshot of a state; calls `going_on` with every part that is confirmed."""
    offsets: list[int] = []
    under_way: deque[asyncio.Future[int]] = deque()
    coming = map(codec.encode, parts(state))
    digest = digest_of_parts()
    while (part := await asyncio.to_thread(next, coming, None)) is not None:
        digest.update(part)
        under_way.append(publisher.publish_bytes(SNAPSHOTS.name, part, partition=partition))
        if len(under_way) >= PARTS_UNDER_WAY:
            offsets.append(await under_way.popleft())
            going_on()
    offsets += await asyncio.gather(*under_way)
    completed = SnapshotCompleted(
        fact_offset=state.fact_offset,
        receipt_offset=state.receipt_offset,
        parts=len(offsets),
        first_part_offset=offsets[0],
        epoch=state.epoch,
        submission_offset=state.submission_offset,
        newest_at=state.newest_at,
        submission_digest=state.submission_digest.hex(),
        log_generation=log_generation,
        fact_fingerprint=state.fact_fingerprint,
        receipt_fingerprint=state.receipt_fingerprint,
        parts_digest=digest.hexdigest(),
    )
    await publisher.publish(SNAPSHOTS, completed, partition=partition)
