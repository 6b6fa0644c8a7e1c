"""When a snapshot is due, and into which parts it is cut. Pure."""

from collections.abc import Iterator

from events.snapshots import ConversationSnapshot, SnapshotPartWritten
from events.topics import SNAPSHOTS
from processors.admission.state import PartitionState, to_snapshot

FACTS_BETWEEN = 4_096
"""At least so many facts lie between two snapshots of a partition."""

_ENTRIES_A_FACT = 8
"""And at least one for so many entries, so that a large state is not written too often."""

PART_BYTES_MAX = 131_072
"""Of a part: far below what a record may hold, and quickly made."""

RENEW_SECONDS = SNAPSHOTS.retention_ms / 1_000 / 3
"""The newest snapshot of a partition is written again when it is so old, long before it is deleted:
without one the whole log is folded."""

_REMEMBERED_A_PART = PART_BYTES_MAX // 32
_CONVERSATION_BYTES = 32
_MARKER_BYTES = 24
"""Beside the names: numbers, lengths and the kind."""


def is_due(state: PartitionState, facts_since: int) -> bool:
    """Whether enough was folded since the last snapshot to be worth its size."""
    entries = len(state.conversations) + len(state.remembered)
    return facts_since >= max(FACTS_BETWEEN, entries // _ENTRIES_A_FACT)


def parts(state: PartitionState) -> Iterator[SnapshotPartWritten]:
    """The snapshot of a state in parts of bounded size: conversations, then remembered ids.

    At least one, also of a state that holds neither: where all was refused. The state must not
    change before the last one is taken.
    """
    for number, (conversations, remembered) in enumerate(_pieces(state)):
        yield SnapshotPartWritten(
            fact_offset=state.fact_offset,
            receipt_offset=state.receipt_offset,
            part=number,
            conversations=conversations,
            remembered=remembered,
        )


def _pieces(
    state: PartitionState,
) -> Iterator[tuple[tuple[ConversationSnapshot, ...], bytes]]:
    piece: list[ConversationSnapshot] = []
    size = 0
    for whole in to_snapshot(state):
        for one, one_size in _cut(whole):
            if piece and size + one_size > PART_BYTES_MAX:
                yield tuple(piece), b""
                piece, size = [], 0
            piece.append(one)
            size += one_size
    yield tuple(piece), b""
    for packed in state.remembered.packed(_REMEMBERED_A_PART):
        yield (), packed


def _cut(whole: ConversationSnapshot) -> Iterator[tuple[ConversationSnapshot, int]]:
    """A conversation with its size at most, in several pieces where it has very many markers."""
    own = _CONVERSATION_BYTES + len(whole.conversation_id.encode())
    sizes = [_MARKER_BYTES + len(marker.user_id.encode()) for marker in whole.markers]
    if own + sum(sizes) <= PART_BYTES_MAX:
        yield whole, own + sum(sizes)
        return
    start, size = 0, own
    for index, marker_size in enumerate(sizes):
        if size + marker_size > PART_BYTES_MAX:
            yield _piece(whole, start, index), size
            start, size = index, own
        size += marker_size
    yield _piece(whole, start, len(sizes)), size


def _piece(whole: ConversationSnapshot, start: int, end: int) -> ConversationSnapshot:
    return ConversationSnapshot(
        conversation_id=whole.conversation_id,
        seq=whole.seq,
        message_number=whole.message_number,
        markers=whole.markers[start:end],
    )
