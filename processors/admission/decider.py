"""The rules that admit any submission to its conversation. Pure.

`decide` gives exactly one decision for a submission: a repeat, a refusal, or the fact that its
feature makes of it (`features`). It is a function of the state, the submission and its place in the
log: no clock, no random, no look-up (invariant I8). Asked again after evolving it answers
SubmissionRepeated: a retry never makes a second fact (I2).
"""

from events.conversations import SubmissionRejected, SubmissionRepeated
from events.features import Fact, Submission, table
from events.frames import RejectionCode
from events.ids import made_at
from processors.admission.conversation import ConversationState
from processors.admission.place import Place, Refusal
from processors.admission.remembered import message_digest
from processors.admission.state import REMEMBERED_MS, PartitionState

STALE_MS = 10 * 60_000
"""An id may be this old by the log's time. Older ones are refused for ever: time never falls."""

AHEAD_MS = REMEMBERED_MS - STALE_MS
"""An id may have been made this far ahead of the log's time, by a clock that differs.

So an id is admitted within STALE_MS + AHEAD_MS of log time, whoever sends it how often and how
late; for so long it is remembered.
"""

Decision = Fact | SubmissionRejected | SubmissionRepeated

_EMPTY = ConversationState()
"""Of a conversation without facts. Rules read the state and never change it."""
_DECIDE = table("processors.admission.features", "DECIDE")


def decide(state: PartitionState, submitted: Submission, place: Place) -> Decision:
    """The one decision about a submission."""
    conversation = state.conversations.get(submitted.conversation_id, _EMPTY)
    if submitted.sender_id not in state.members(submitted.conversation_id):
        return _refuse(
            submitted, place, Refusal(RejectionCode.FORBIDDEN, "You are not in this conversation.")
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
    # What can never be accepted is said before what may pass later.
    outcome = _DECIDE[type(submitted)](conversation, submitted, conversation.seq + 1, place)
    if not isinstance(outcome, Refusal):
        outcome = _refusal(state, submitted, place) or outcome
    return _refuse(submitted, place, outcome) if isinstance(outcome, Refusal) else outcome


def _refusal(state: PartitionState, submitted: Submission, place: Place) -> Refusal | None:
    """Why it is too old, too early, or out of order."""
    if (made := _made_at(submitted, place)) < place.at - STALE_MS:
        return Refusal(
            RejectionCode.STALE, "Its id is too old to be known: sync, then send it anew."
        )
    if made > place.at + AHEAD_MS:
        return Refusal(
            RejectionCode.TOO_EARLY, "Its id was made in the future: send it when that is here."
        )
    if (
        submitted.after is not None
        and message_digest(submitted, submitted.after) not in state.remembered
    ):
        return _missing(submitted.after, place)
    return None


def _made_at(submitted: Submission, place: Place) -> int:
    """When the message's id was made. Ids of older gateways may not say; their client may have."""
    made = made_at(submitted.client_message_id)
    if made is None:
        made = place.at if submitted.first_sent_at is None else submitted.first_sent_at
    return made


def _missing(after: str, place: Place) -> Refusal:
    """The message named by `after` is not remembered: it is missing, or it was long ago."""
    made = made_at(after)
    if made is not None and made < place.at - STALE_MS:
        return Refusal(
            RejectionCode.UNKNOWN_AFTER, "The one before it is too old to be known: sync first."
        )
    return Refusal(
        RejectionCode.OUT_OF_ORDER, "An earlier message is missing: send that one first."
    )


def _refuse(submitted: Submission, place: Place, refusal: Refusal) -> SubmissionRejected:
    return SubmissionRejected(
        conversation_id=submitted.conversation_id,
        sender_id=submitted.sender_id,
        device_id=submitted.device_id,
        client_message_id=submitted.client_message_id,
        code=refusal.code.value,
        detail=refusal.detail,
        rejected_at=place.at,
        epoch=place.epoch,
        submission_offset=place.submission_offset,
    )
