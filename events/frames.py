"""What a client is shown: the server frames of protocol `chat.v1.json`, encoded once as JSON.

Workers encode a frame once for its whole audience and the edge moves the bytes, so the frames live
beside the events. Close codes tell the client what to do: 4000-4499 reconnect with jitter,
4500-4999 do not (Centrifugo's convention). Instants are milliseconds since 1970-01-01 UTC.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum
from typing import Any

import msgspec

from events.conversations import SubmissionRejected, SubmissionRepeated
from events.messages import MessageSent
from events.receipts import Move

SUBPROTOCOL = "chat.v1.json"

_encode = msgspec.json.Encoder().encode


class CloseCode(IntEnum):
    """Why a socket was closed, and so what its client is to do."""

    NORMAL = 1000
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    INVALID_TEXT = 1007
    POLICY_VIOLATION = 1008
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    RESTARTING = 1012
    TRY_LATER = 1013
    TOO_SLOW = 4002
    TOKEN_EXPIRED = 4003
    RATE_LIMITED = 4008
    BAD_FRAMES = 4500
    NOT_AUTHENTICATED = 4501
    UNSUPPORTED_PROTOCOL = 4504
    REPLACED = 4509

    @property
    def reconnect(self) -> bool:
        """Whether the client is to connect again, after a jittered wait."""
        return self in (1001, 1011, 1012, 1013) or 4000 <= self < 4500


CLOSE_MEANINGS: dict[CloseCode, str] = {
    CloseCode.NORMAL: "The client asked for it.",
    CloseCode.PROTOCOL_ERROR: "The bytes are not valid WebSocket frames (RFC 6455).",
    CloseCode.UNSUPPORTED_DATA: "A binary message; this subprotocol uses text only.",
    CloseCode.INVALID_TEXT: "A text message that is not UTF-8.",
    CloseCode.POLICY_VIOLATION: "Three text messages within a minute that were not frames.",
    CloseCode.TOO_BIG: "A message that exceeds the maximum frame size.",
    CloseCode.INTERNAL_ERROR: "An internal error of the gateway.",
    CloseCode.RESTARTING: "The gateway is shutting down; another one takes over.",
    CloseCode.TRY_LATER: "The session could not be registered in time; connect again later.",
    CloseCode.TOO_SLOW: "The client read too slowly and its queue filled up, or a frame took too "
    "long to arrive; the client syncs by seq.",
    CloseCode.TOKEN_EXPIRED: "The access token expired; connect again with a fresh one.",
    CloseCode.RATE_LIMITED: "Too many frames, or too many refused ones; an `error` says which.",
    CloseCode.BAD_FRAMES: "A frame that is not allowed in this state.",
    CloseCode.NOT_AUTHENTICATED: "No valid access token was received in time.",
    CloseCode.UNSUPPORTED_PROTOCOL: "There is no subprotocol that both sides support.",
    CloseCode.REPLACED: "A newer connection of the same device took over.",
}


class ErrorCode(StrEnum):
    """Why a frame was not accepted, in an `error` frame."""

    BAD_REQUEST = "bad_request"
    UNKNOWN_TYPE = "unknown_type"
    FORBIDDEN = "forbidden"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    NOT_AUTHENTICATED = "not_authenticated"


ERROR_MEANINGS: dict[ErrorCode, str] = {
    ErrorCode.BAD_REQUEST: "The frame is not a JSON object with the required fields.",
    ErrorCode.UNKNOWN_TYPE: "There is no such type of frame.",
    ErrorCode.FORBIDDEN: "The user is not in such a conversation.",
    ErrorCode.TOO_LARGE: "The body exceeds the maximum size of a message.",
    ErrorCode.RATE_LIMITED: "Too many frames; wait for the time given in the frame.",
    ErrorCode.UNAVAILABLE: "Not accepted now; send the same frame again later, with the same id.",
    ErrorCode.NOT_AUTHENTICATED: "The token is not valid; an open session continues until its "
    "own token expires.",
}


class RejectionCode(StrEnum):
    """Why a submission was refused, in a `rejected` frame."""

    FORBIDDEN = "forbidden"
    STALE = "stale"
    TOO_EARLY = "too_early"
    OUT_OF_ORDER = "out_of_order"
    UNKNOWN_AFTER = "unknown_after"
    TOO_LARGE = "too_large"
    UNKNOWN_KIND = "unknown_kind"
    UNKNOWN_REPLY = "unknown_reply"


REJECTION_MEANINGS: dict[RejectionCode, str] = {
    RejectionCode.FORBIDDEN: "The user is not in this conversation, whether or not it exists.",
    RejectionCode.STALE: "The id was created more than ten minutes before the log's time `at`, and "
    "whether it was accepted is no longer known: sync; if it is missing, send it with a new id.",
    RejectionCode.TOO_EARLY: "The id was created more than five minutes ahead of the log's time "
    "`at`: send the same again when that time is reached, and create further ids by the server's "
    "clock.",
    RejectionCode.OUT_OF_ORDER: "The message named by `after` is missing: send that one first.",
    RejectionCode.UNKNOWN_AFTER: "The message named by `after` is too old to be remembered: sync, "
    "resolve that one, then send this again with the same id.",
    RejectionCode.TOO_LARGE: "The body exceeds the maximum size of a message.",
    RejectionCode.UNKNOWN_KIND: "There is no such kind of message.",
    RejectionCode.UNKNOWN_REPLY: "The message that is replied to does not exist.",
}


def welcome(
    *,
    session_id: str,
    user_id: str,
    device_id: str,
    heartbeat_seconds: float,
    server_time: int,
    token_expires_at: int,
    limits: Mapping[str, int],
) -> bytes:
    """The first frame after authentication, sent as soon as answers can reach the session. Frames
    that the client sends before it are answered with `unavailable`."""
    return _encode(
        {
            "type": "welcome",
            "session_id": session_id,
            "user_id": user_id,
            "device_id": device_id,
            "heartbeat_seconds": heartbeat_seconds,
            "server_time": server_time,
            "token_expires_at": token_expires_at,
            "limits": limits,
        }
    )


def token(*, expires_at: int, request_id: str | None) -> bytes:
    """A renewal was accepted: the session continues until this time, the later of both expiries."""
    frame: dict[str, Any] = {"type": "token", "expires_at": expires_at}
    if request_id is not None:
        frame["id"] = request_id
    return _encode(frame)


def heads(
    conversations: Mapping[str, int],
    *,
    more: bool,
    next_cursor: str | None = None,
    token: str | None = None,
    request_id: str | None = None,
) -> bytes:
    """The newest seq of conversations of the user, newest first. `more` says that there are
    others: the client requests them with `next`; where that is null, the server sends the rest by
    itself. The last one carries a `token` to present at the next connect: then only changes are
    sent."""
    body: dict[str, Any] = {
        "type": "heads",
        "heads": conversations,
        "more": more,
        "next": next_cursor,
        "token": token,
    }
    if request_id is not None:
        body["id"] = request_id
    return _encode(body)


def accepted(sent: MessageSent | SubmissionRepeated) -> bytes:
    """The first tick, for the sending device."""
    return _encode(
        {
            "type": "accepted",
            "id": sent.client_message_id,
            "conversation_id": sent.conversation_id,
            "seq": sent.seq,
            "sent_at": sent.sent_at,
        }
    )


def rejected(refusal: SubmissionRejected) -> bytes:
    """A refused submission, for the sending device; `at` is the time in the log."""
    return _encode(
        {
            "type": "rejected",
            "id": refusal.client_message_id,
            "conversation_id": refusal.conversation_id,
            "code": refusal.code,
            "detail": refusal.detail,
            "at": refusal.rejected_at,
        }
    )


def message_object(sent: MessageSent) -> dict[str, Any]:
    """A message as clients see it, live and in pages alike."""
    return {
        "type": "event",
        "event": "message",
        "conversation_id": sent.conversation_id,
        "seq": sent.seq,
        "number": sent.message_number,
        "sender_id": sent.sender_id,
        "device_id": sent.device_id,
        "id": sent.client_message_id,
        "kind": sent.kind,
        "body": sent.body,
        "reply_to": sent.reply_to_seq,
        "sent_at": sent.sent_at,
    }


def event(sent: MessageSent) -> bytes:
    """A message, for every device except the one that sent it."""
    return _encode(message_object(sent))


def receipt(move: Move) -> bytes:
    """The second or third tick."""
    return _encode(
        {
            "type": "receipt",
            "conversation_id": move.conversation_id,
            "user_id": move.user_id,
            "kind": move.kind,
            "seq": move.seq,
            "at": move.moved_at,
        }
    )


def page(
    *,
    request_id: str,
    conversation_id: str,
    events: Iterable[Mapping[str, Any]],
    next_seq: int | None,
    receipts: Iterable[Mapping[str, Any]],
) -> bytes:
    """Facts of a conversation, in ascending order of seq; `next` is the cursor of the next page."""
    return _encode(
        {
            "type": "page",
            "id": request_id,
            "conversation_id": conversation_id,
            "events": list(events),
            "next": next_seq,
            "receipts": list(receipts),
        }
    )


def inbox(
    *, request_id: str, conversations: Iterable[Mapping[str, Any]], next_cursor: str | None
) -> bytes:
    """Conversations of the user, newest first; `next` is the cursor of the next page.

    A `preview` is the beginning of the newest message: whole characters, at most 200 code points in
    total; `preview_cut` says that there is more. `seq` is the head. `unread` and `newest` are as
    current as history is, and `newest` is null where history has nothing of the conversation.
    """
    return _encode(
        {
            "type": "inbox",
            "id": request_id,
            "conversations": list(conversations),
            "next": next_cursor,
        }
    )


def marked(request_id: str) -> bytes:
    """The watermarks of a `marks` frame are in the log and need not be sent again."""
    return _encode({"type": "marked", "id": request_id})


def error(
    code: ErrorCode,
    detail: str,
    *,
    request_id: str | None = None,
    retry_after_seconds: float | None = None,
) -> bytes:
    """A frame that was not accepted."""
    body: dict[str, Any] = {"type": "error", "code": code.value, "detail": detail}
    if request_id is not None:
        body["id"] = request_id
    if retry_after_seconds is not None:
        body["retry_after_seconds"] = retry_after_seconds
    return _encode(body)
