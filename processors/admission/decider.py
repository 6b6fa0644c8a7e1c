"""The rules that admit a message to a conversation, and a marker to its receipts. Pure.

`decide` gives exactly one decision for a submission; `move` gives the move that a marker makes, or
nothing. Both are functions of the state, the submission and its place in the log: no clock, no
random, no look-up (invariant I8). Asked again after evolving, `decide` answers SubmissionRepeated
and `move` answers nothing: a retry never makes a second message (I2).
"""

from msgspec import Struct

from events.conversations import Fact, MessageSent, SubmissionRejected, SubmissionRepeated
from events.frames import RejectionCode
from events.ids import made_at, members_of
from events.receipts import DeliveredMarkerMoved, Move, ReadMarkerMoved
from events.submissions import Marker, MessageSubmitted
from processors.admission.remembered import message_digest
from processors.admission.state import REMEMBERED_MS, ConversationState, PartitionState

STALE_MS = 10 * 60_000
"""An id may be this old by the log's time. Older ones are refused for ever: time never falls."""

AHEAD_MS = REMEMBERED_MS - STALE_MS
"""An id may have been made this far ahead of the log's time, by a clock that differs.

So an id is admitted within STALE_MS + AHEAD_MS of log time, whoever sends it how often and how
late; for so long it is remembered.
"""

BODY_BYTES_MAX = 65_536
KINDS = frozenset({"text"})


class Place(Struct, frozen=True, gc=False):
    """Where a decision is made: the writer's epoch, the submission's offset, the log's time."""

    epoch: int
    submission_offset: int
    at: int


_EMPTY = ConversationState()


def decide(state: PartitionState, submitted: MessageSubmitted, place: Place) -> Fact:
    """The one decision about a submission."""
    conversation = state.conversations.get(submitted.conversation_id, _EMPTY)
    if submitted.sender_id not in members_of(submitted.conversation_id):
        return _refuse(
            submitted, place, RejectionCode.FORBIDDEN, "You are not in this conversation."
        )
    first = state.remembered.find(message_digest(submitted, submitted.client_message_id))
    if first is not None:
        return SubmissionRepeated(
            conversation_id=submitted.conversation_id,
            sender_id=submitted.sender_id,
            device_id=submitted.device_id,
            client_message_id=submitted.client_message_id,
            seq=first[0],
            sent_at=first[1],
            epoch=place.epoch,
            submission_offset=place.submission_offset,
        )
    refusal = _refusal(state, conversation, submitted, place)
    if refusal is not None:
        return _refuse(submitted, place, *refusal)
    return MessageSent(
        conversation_id=submitted.conversation_id,
        seq=conversation.seq + 1,
        message_number=conversation.message_number + 1,
        sender_id=submitted.sender_id,
        device_id=submitted.device_id,
        client_message_id=submitted.client_message_id,
        kind=submitted.kind,
        body=submitted.body,
        reply_to_seq=submitted.reply_to_seq,
        sent_at=place.at,
        epoch=place.epoch,
        submission_offset=place.submission_offset,
    )


def move(state: PartitionState, marker: Marker, place: Place) -> Move | None:
    """The move that a marker makes: clipped to the newest fact, never back, members only."""
    conversation = state.conversations.get(marker.conversation_id)
    if conversation is None or marker.user_id not in members_of(marker.conversation_id):
        return None
    seq = min(marker.seq, conversation.seq)
    if seq <= conversation.marker(marker.user_id, marker.kind):
        return None
    kind = ReadMarkerMoved if marker.kind == "read" else DeliveredMarkerMoved
    return kind(
        conversation_id=marker.conversation_id,
        user_id=marker.user_id,
        device_id=marker.device_id,
        seq=seq,
        moved_at=place.at,
        epoch=place.epoch,
    )


def _refusal(
    state: PartitionState,
    conversation: ConversationState,
    submitted: MessageSubmitted,
    place: Place,
) -> tuple[RejectionCode, str] | None:
    if submitted.kind not in KINDS:
        return RejectionCode.UNKNOWN_KIND, "This server knows no such kind of message."
    if len(submitted.body.encode()) > BODY_BYTES_MAX:
        return RejectionCode.TOO_LARGE, f"A message holds at most {BODY_BYTES_MAX} bytes."
    if (made := _made_at(submitted, place)) < place.at - STALE_MS:
        return RejectionCode.STALE, "Its id is too old to be known: sync, then send it anew."
    if made > place.at + AHEAD_MS:
        return RejectionCode.TOO_EARLY, "Its id was made in the future: send it when that is here."
    if (
        submitted.after is not None
        and message_digest(submitted, submitted.after) not in state.remembered
    ):
        return _missing(submitted.after, place)
    if submitted.reply_to_seq is not None and submitted.reply_to_seq > conversation.seq:
        return RejectionCode.UNKNOWN_REPLY, "There is no such message to answer."
    return None


def _made_at(submitted: MessageSubmitted, place: Place) -> int:
    """When the message's id was made. Ids of older gateways may not say; their client may have."""
    made = made_at(submitted.client_message_id)
    if made is None:
        made = place.at if submitted.first_sent_at is None else submitted.first_sent_at
    return made


def _missing(after: str, place: Place) -> tuple[RejectionCode, str]:
    """The message named by `after` is not remembered: it is missing, or it was long ago."""
    made = made_at(after)
    if made is not None and made < place.at - STALE_MS:
        return RejectionCode.UNKNOWN_AFTER, "The one before it is too old to be known: sync first."
    return RejectionCode.OUT_OF_ORDER, "An earlier message is missing: send that one first."


def _refuse(
    submitted: MessageSubmitted, place: Place, code: RejectionCode, detail: str
) -> SubmissionRejected:
    return SubmissionRejected(
        conversation_id=submitted.conversation_id,
        sender_id=submitted.sender_id,
        device_id=submitted.device_id,
        client_message_id=submitted.client_message_id,
        code=code.value,
        detail=detail,
        rejected_at=place.at,
        epoch=place.epoch,
        submission_offset=place.submission_offset,
    )
