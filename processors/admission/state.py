"""What admission knows of its partitions, folded from facts and moves: `initial`, `evolve`.

State is a function of the log alone: no clock, no random, no look-up. It is changed in place, since
a copy for each fact would cost more than the decision. Client message ids are remembered for
`REMEMBERED_MS` of log time, which covers every instant at which the same id could be admitted again
(`decider.STALE_MS` and `AHEAD_MS`), so no window lets a double through (invariant I3).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from zlib import crc32

from events.conversations import (
    SubmissionRejected,
    SubmissionRepeated,
    SubmissionsRestarted,
)
from events.features import FACT_TYPES, MOVE_TYPES, Fact, table
from events.fence import NO_EPOCH
from events.members import members_of
from events.receipts import Move
from events.snapshots import ConversationSnapshot, MemberMarker
from processors.admission.conversation import ConversationState
from processors.admission.remembered import Remembered, message_digest

REMEMBERED_MS = 15 * 60_000
_SORTED_AT_ONCE = 4_096
_EVOLVE = table("processors.admission.features", "EVOLVE")


@dataclass(slots=True)
class PartitionState:
    """One partition: its conversations, the ids a retry would repeat, how far it was folded."""

    conversations: dict[str, ConversationState] = field(default_factory=dict)
    remembered: Remembered = field(default_factory=Remembered)
    submission_offset: int = -1
    submission_digest: bytes = b""
    """What the submission at that offset is known by; empty where nothing can be compared."""
    newest_at: int = 0
    epoch: int = NO_EPOCH
    fact_offset: int = 0
    receipt_offset: int = 0
    fact_fingerprint: str = ""
    receipt_fingerprint: str = ""
    """Of a restored snapshot: what the records just before the offsets are known by."""

    def members(self, conversation_id: str) -> tuple[str, ...]:
        """Who is in a conversation."""
        return members_of(conversation_id)

    def conversation(self, conversation_id: str) -> ConversationState:
        """The conversation's state, made when it is new."""
        found = self.conversations.get(conversation_id)
        if found is None:
            found = self.conversations[conversation_id] = ConversationState()
        return found


def initial() -> PartitionState:
    """The state of an empty partition."""
    return PartitionState()


def evolve(state: PartitionState, event: Any) -> None:
    """Fold one decision or move. Folding a move again changes nothing.

    Raises TypeError for an event that is neither.
    """
    fold = _FOLD.get(type(event))
    if fold is None:
        raise TypeError(f"{type(event).__name__} is not part of admission's state")
    fold(state, event)


def _fold_move(state: PartitionState, moved: Move) -> None:
    _EVOLVE[type(moved)](state.conversation(moved.conversation_id), moved)


def _fold_refusal(state: PartitionState, rejected: SubmissionRejected) -> None:
    _decided(state, rejected)
    state.newest_at = max(state.newest_at, rejected.rejected_at)


def _fold_repeat(state: PartitionState, repeated: SubmissionRepeated) -> None:
    _decided(state, repeated)


def _fold_restart(state: PartitionState, restarted: SubmissionsRestarted) -> None:
    state.submission_offset = restarted.submissions_from - 1
    state.submission_digest = b""


def _fold_fact(state: PartitionState, fact: Fact) -> None:
    """What all facts change: the newest seq, the time, the ids that a retry would repeat."""
    conversation = state.conversation(fact.conversation_id)
    assert fact.seq == conversation.seq + 1, (
        f"{fact.conversation_id}: seq {fact.seq} after {conversation.seq}"
    )
    conversation.seq = fact.seq
    _EVOLVE[type(fact)](conversation, fact)
    digest = _decided(state, fact)
    state.newest_at = max(state.newest_at, fact.sent_at)
    state.remembered.add(digest, fact.seq, fact.sent_at)
    state.remembered.forget(fact.sent_at - REMEMBERED_MS)


def _decided(
    state: PartitionState, decision: Fact | SubmissionRejected | SubmissionRepeated
) -> bytes:
    """Keep how far submissions are decided; the digest of this one."""
    digest = message_digest(decision, decision.client_message_id)
    if decision.submission_offset > state.submission_offset:
        state.submission_offset = decision.submission_offset
        state.submission_digest = digest
    return digest


_FOLD: dict[type, Callable[[PartitionState, Any], None]] = {
    **dict.fromkeys(FACT_TYPES, _fold_fact),
    **dict.fromkeys(MOVE_TYPES, _fold_move),
    SubmissionRejected: _fold_refusal,
    SubmissionRepeated: _fold_repeat,
    SubmissionsRestarted: _fold_restart,
}


def to_snapshot(state: PartitionState) -> Iterator[ConversationSnapshot]:
    """The conversations as a snapshot holds them, in an order that their ids give.

    They are sorted some at a time: to sort a million at once would hold up the whole process.
    """
    some: list[list[str]] = [[] for _ in range(len(state.conversations) // _SORTED_AT_ONCE + 1)]
    for conversation_id in state.conversations:
        some[crc32(conversation_id.encode()) % len(some)].append(conversation_id)
    for conversation_id in chain.from_iterable(sorted(ids) for ids in some):
        conversation = state.conversations[conversation_id]
        yield ConversationSnapshot(
            conversation_id=conversation_id,
            seq=conversation.seq,
            message_number=conversation.message_number,
            markers=tuple(
                MemberMarker(user_id=user, kind=kind, seq=seq)  # type: ignore[arg-type]
                for (user, kind), seq in sorted(conversation.markers.items())
            ),
        )


def add_snapshot(
    state: PartitionState, conversations: Iterable[ConversationSnapshot], remembered: bytes
) -> None:
    """Put a part of a snapshot into a state; parts come in their order."""
    for held in conversations:  # one with very many markers comes in several pieces
        conversation = state.conversation(held.conversation_id)
        conversation.seq = held.seq
        conversation.message_number = held.message_number
        for one in held.markers:
            conversation.markers[one.user_id, one.kind] = one.seq
    state.remembered.add_packed(remembered)
