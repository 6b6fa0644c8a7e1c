"""When a snapshot is due, and into which parts it is cut. Pure."""

from collections.abc import Iterable, Iterator

from events.snapshots import ConversationSnapshot, SnapshotPartWritten
from processors.admission.state import PartitionState, to_snapshot

FACTS_BETWEEN = 4_096
"""At least so many facts lie between two snapshots of a partition."""

_PART_ENTRIES = 2_000
"""Conversations, remembered ids and markers in one part: about 250 KiB."""


def is_due(state: PartitionState, facts_since: int) -> bool:
    """Whether enough was folded since the last snapshot to be worth its size."""
    entries = len(state.conversations) + len(state.remembered)
    return facts_since >= max(FACTS_BETWEEN, entries)


def parts(state: PartitionState) -> Iterator[SnapshotPartWritten]:
    """The snapshot of a state, cut into parts in the order of the conversation ids."""
    for number, conversations in enumerate(_cut(to_snapshot(state))):
        yield SnapshotPartWritten(
            fact_offset=state.fact_offset,
            receipt_offset=state.receipt_offset,
            part=number,
            conversations=conversations,
        )


def _cut(
    conversations: Iterable[ConversationSnapshot],
) -> Iterator[tuple[ConversationSnapshot, ...]]:
    part: list[ConversationSnapshot] = []
    entries = 0
    for conversation in conversations:
        part.append(conversation)
        entries += 1 + len(conversation.remembered) + len(conversation.markers)
        if entries >= _PART_ENTRIES:
            yield tuple(part)
            part, entries = [], 0
    if part:
        yield tuple(part)
