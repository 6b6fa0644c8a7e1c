"""The admission state of one partition at one place of the log, on `chat.snapshots`.

A snapshot is a function of the log up to its offsets, though two releases may cut it into different
parts. It is immutable and counts only with its SnapshotCompleted record, which says where its first
part lies and what its parts together are known by. `fact_offset` and `receipt_offset` are the next
offsets to fold after restoring; the generation of the log and the fingerprints of the records just
before them say whether the log still is the one that was folded (`events.marks`).
"""

from hashlib import blake2b
from typing import Annotated

from msgspec import Meta, Struct

from events.ids import ConversationId, Milliseconds, Offset, Seq, UserId
from events.receipts import MarkerKind

Count = Annotated[int, Meta(ge=0)]


class MemberMarker(Struct, frozen=True, kw_only=True):
    """One member's watermark of one kind."""

    user_id: UserId
    kind: MarkerKind
    seq: Seq


class ConversationSnapshot(Struct, frozen=True, kw_only=True):
    """The state of one conversation as admission needs it."""

    conversation_id: ConversationId
    seq: Count
    message_number: Count
    markers: tuple[MemberMarker, ...]


class SnapshotPartWritten(Struct, frozen=True, kw_only=True):
    """Part of a snapshot: conversations, in an order given by their ids, or ids of messages."""

    fact_offset: Offset
    receipt_offset: Offset
    part: Count
    conversations: tuple[ConversationSnapshot, ...]
    remembered: bytes


class SnapshotCompleted(Struct, frozen=True, kw_only=True):
    """A snapshot of this partition is whole and may be restored."""

    fact_offset: Offset
    receipt_offset: Offset
    parts: Count
    first_part_offset: Offset
    epoch: int
    submission_offset: int
    newest_at: Milliseconds
    submission_digest: Annotated[str, Meta(pattern=r"^([0-9a-f]{32})?$")] = ""
    log_generation: Annotated[int, Meta(ge=-1)] = -1
    fact_fingerprint: str = ""
    receipt_fingerprint: str = ""
    parts_digest: Annotated[str, Meta(pattern=r"^([0-9a-f]{32})?$")] = ""


def digest_of_parts() -> blake2b:
    """To be updated with the bytes of each part in order; its hexdigest is `parts_digest`."""
    return blake2b(digest_size=16)
