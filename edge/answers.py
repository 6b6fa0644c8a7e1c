"""What a session answers when it does not take a frame. Pure."""

from edge.effects import Close, Effects, Refuse
from edge.limits import Limits
from events import frames
from events.frames import CloseCode, ErrorCode

RETRY_AFTER_SECONDS = 2.0


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


def rate_limited(request_id: str, wait_seconds: float) -> Refuse:
    """The client sends too many messages; this one it is to send again."""
    return Refuse(
        ErrorCode.RATE_LIMITED,
        frames.error(
            ErrorCode.RATE_LIMITED,
            "Too many messages.",
            request_id=request_id,
            retry_after_seconds=round(wait_seconds, 3),
        ),
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
