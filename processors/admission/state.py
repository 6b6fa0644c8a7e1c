"""What admission knows of its partitions, folded from facts and moves: `initial`, `evolve`.

State is a function of the log alone: no clock, no random, no look-up. It is changed in place, since
a copy for each fact would cost more than the decision. Client message ids are remembered for
`REMEMBERED_MS` of log time, which covers every instant at which the same id could be admitted again
(`decider.STALE_MS` and `AHEAD_MS`), so no window lets a double through (invariant I3).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from zlib import crc32

from msgspec import Struct

from events.conversations import (
    Fact,
    MessageSent,
    SubmissionRejected,
    SubmissionRepeated,
    SubmissionsRestarted,
)
from events.fence import NO_EPOCH
from events.receipts import DeliveredMarkerMoved, Move, ReadMarkerMoved
from events.snapshots import ConversationSnapshot, MemberMarker
from processors.admission.remembered import Remembered, message_digest

REMEMBERED_MS = 15 * 60_000
_SORTED_AT_ONCE = 4_096


@dataclass(slots=True)
class ConversationState:
    """One conversation: its newest numbers and its members' markers."""

    seq: int = 0
    message_number: int = 0
    markers: dict[tuple[str, str], int] = field(default_factory=dict)

    def marker(self, user_id: str, kind: str) -> int:
        """The highest seq that is delivered to, or read by, a member; 0 for none.

        What was read was delivered.
        """
        read = self.markers.get((user_id, "read"), 0)
        return read if kind == "read" else max(read, self.markers.get((user_id, kind), 0))


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

    def conversation(self, conversation_id: str) -> ConversationState:
        """The conversation's state, made when it is new."""
        found = self.conversations.get(conversation_id)
        if found is None:
            found = self.conversations[conversation_id] = ConversationState()
        return found


def initial() -> PartitionState:
    """The state of an empty partition."""
    return PartitionState()


def evolve(state: PartitionState, event: Struct) -> None:
    """Fold one decision or move. Folding a move again changes nothing.

    Raises TypeError for an event that is neither.
    """
    match event:
        case MessageSent():
            _sent(state, event)
        case SubmissionRejected():
            _decided(state, event, message_digest(event, event.client_message_id))
            state.newest_at = max(state.newest_at, event.rejected_at)
        case SubmissionRepeated():
            _decided(state, event, message_digest(event, event.client_message_id))
        case SubmissionsRestarted():
            state.submission_offset = event.submissions_from - 1
            state.submission_digest = b""
        case ReadMarkerMoved():
            _moved(state, event, "read")
        case DeliveredMarkerMoved():
            _moved(state, event, "delivered")
        case _:
            raise TypeError(f"{type(event).__name__} is no part of admission's state")


def _sent(state: PartitionState, sent: MessageSent) -> None:
    conversation = state.conversation(sent.conversation_id)
    assert sent.seq == conversation.seq + 1, (
        f"{sent.conversation_id}: seq {sent.seq} after {conversation.seq}"
    )
    conversation.seq = sent.seq
    conversation.message_number = sent.message_number
    digest = message_digest(sent, sent.client_message_id)
    _decided(state, sent, digest)
    state.newest_at = max(state.newest_at, sent.sent_at)
    state.remembered.add(digest, sent.seq, sent.sent_at)
    state.remembered.forget(sent.sent_at - REMEMBERED_MS)


def _decided(state: PartitionState, fact: Fact, digest: bytes) -> None:
    if fact.submission_offset > state.submission_offset:
        state.submission_offset = fact.submission_offset
        state.submission_digest = digest


def _moved(state: PartitionState, moved: Move, kind: str) -> None:
    markers = state.conversation(moved.conversation_id).markers
    if moved.seq > markers.get((moved.user_id, kind), 0):
        markers[moved.user_id, kind] = moved.seq


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
