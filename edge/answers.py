"""What a session answers when it does not take a frame. Pure."""

from edge.effects import Close, Effects, Refuse
from edge.limits import Limits
from edge.tokens import Refusal
from events import frames
from events.frames import CloseCode, ErrorCode

RETRY_AFTER_SECONDS = 2.0

CROWDED_SECONDS = 60.0
"""Until a device that is gone without a word is known to be gone: two heartbeats."""


def unavailable(request_id: str) -> Refuse:
    """Kafka is away, or too much waits for it: the client is to send the same again."""
    return Refuse(
        ErrorCode.UNAVAILABLE,
        frames.error(
            ErrorCode.UNAVAILABLE,
            "Not taken; send the same again later.",
            request_id=request_id,
            retry_after_seconds=RETRY_AFTER_SECONDS,
        ),
    )


def rate_limited(request_id: str | None, wait_seconds: float) -> Refuse:
    """The user sends or asks too much; this one is to be sent again."""
    return Refuse(
        ErrorCode.RATE_LIMITED,
        frames.error(
            ErrorCode.RATE_LIMITED,
            "Too many requests.",
            request_id=request_id,
            retry_after_seconds=round(wait_seconds, 3),
        ),
    )


def out_of_reach(request_id: str | None) -> Refuse:
    """The user is in no such conversation, as its id says."""
    return Refuse(
        ErrorCode.FORBIDDEN,
        frames.error(
            ErrorCode.FORBIDDEN, "You are not in this conversation.", request_id=request_id
        ),
    )


def not_renewed(request_id: str | None, detail: str, wait_seconds: float = 0.0) -> Refuse:
    """A token in an open session is not believed; the session goes on until its own token ends."""
    code = ErrorCode.RATE_LIMITED if wait_seconds else ErrorCode.NOT_AUTHENTICATED
    return Refuse(
        code,
        frames.error(
            code,
            detail,
            request_id=request_id,
            retry_after_seconds=round(wait_seconds, 3) if wait_seconds else None,
        ),
    )


def mistaken(limits: Limits) -> Effects:
    """Too many frames with wrong contents: somebody should look at the client."""
    error = frames.error(
        ErrorCode.RATE_LIMITED,
        "Too many bad frames.",
        retry_after_seconds=limits.mistake_burst * 60.0 / limits.mistakes_per_minute,
    )
    return (
        Refuse(ErrorCode.RATE_LIMITED, error),
        Close(CloseCode.RATE_LIMITED, "too_many_mistakes"),
    )


def flooded(limits: Limits) -> Effects:
    """The client sends too many frames of any kind: it is to come back when it has calmed down."""
    error = frames.error(
        ErrorCode.RATE_LIMITED,
        "Too many frames.",
        retry_after_seconds=limits.frame_burst * 60.0 / limits.frames_per_minute,
    )
    return (
        Refuse(ErrorCode.RATE_LIMITED, error),
        Close(CloseCode.RATE_LIMITED, "too_many_frames"),
    )


def crowded() -> Effects:
    """The user has too many devices here: one of them has to end before another may come."""
    error = frames.error(
        ErrorCode.RATE_LIMITED, "Too many devices.", retry_after_seconds=CROWDED_SECONDS
    )
    return (
        Refuse(ErrorCode.RATE_LIMITED, error),
        Close(CloseCode.RATE_LIMITED, "too_many_devices"),
    )


def opened_too_often(wait_seconds: float) -> Effects:
    """The user opens sessions too often: each costs the registry and a page of heads."""
    error = frames.error(
        ErrorCode.RATE_LIMITED,
        "Too many sessions were opened.",
        retry_after_seconds=round(wait_seconds, 3),
    )
    return (
        Refuse(ErrorCode.RATE_LIMITED, error),
        Close(CloseCode.RATE_LIMITED, "too_many_opens"),
    )


def not_believed(refusal: Refusal) -> Effects:
    """The token is not believed, or not even looked at since too many from there were bad."""
    if refusal.wait_seconds:
        error = frames.error(
            ErrorCode.RATE_LIMITED,
            refusal.detail,
            retry_after_seconds=round(refusal.wait_seconds, 3),
        )
        return (
            Refuse(ErrorCode.RATE_LIMITED, error),
            Close(CloseCode.RATE_LIMITED, "too_many_bad_tokens"),
        )
    error = frames.error(ErrorCode.NOT_AUTHENTICATED, refusal.detail)
    return (
        Refuse(ErrorCode.NOT_AUTHENTICATED, error),
        Close(CloseCode.NOT_AUTHENTICATED, "bad_token"),
    )
