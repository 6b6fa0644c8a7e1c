"""When a snapshot is due, and into which parts it is cut. Pure."""

from collections.abc import Iterator
from itertools import islice

from events.snapshots import ConversationSnapshot, SnapshotPartWritten
from processors.admission.state import PartitionState, to_snapshot

FACTS_BETWEEN = 4_096
"""At least so many facts lie between two snapshots of a partition."""

_ENTRIES_A_FACT = 8
"""And at least one for so many entries, so that a large state is not written too often."""

_CONVERSATIONS_A_PART = 2_000
_REMEMBERED_A_PART = 8_192


def is_due(state: PartitionState, facts_since: int) -> bool:
    """Whether enough was folded since the last snapshot to be worth its size."""
    entries = len(state.conversations) + len(state.remembered)
    return facts_since >= max(FACTS_BETWEEN, entries // _ENTRIES_A_FACT)


def parts(state: PartitionState) -> Iterator[SnapshotPartWritten]:
    """The snapshot of a state in parts of about 250 KiB: conversations, then remembered ids.

    At least one, also of a state that holds neither: where all was refused.
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
    conversations = to_snapshot(state)
    yield tuple(islice(conversations, _CONVERSATIONS_A_PART)), b""
    while piece := tuple(islice(conversations, _CONVERSATIONS_A_PART)):
        yield piece, b""
    for packed in state.remembered.packed(_REMEMBERED_A_PART):
        yield (), packed
