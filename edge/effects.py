"""What a session wants done: values that the shell carries out.

They come from `session` and are carried out by `websocket`, in order.
"""

from collections.abc import Sequence

from msgspec import Struct

from events.frames import CloseCode, ErrorCode
from events.receipts import Marker


class Submit(Struct, frozen=True, gc=False):
    """Submit a message; tell the session by `confirmed` or `unavailable` what became of it."""

    event: Struct
    key: str
    request_id: str


class Ask(Struct, frozen=True, gc=False):
    """Publish a question; tell the session by `confirmed` or `unavailable` what became of it."""

    event: Struct
    key: str
    request_id: str


class Reply(Struct, frozen=True, gc=False):
    """Send a frame to this client."""

    frame: bytes


class Refuse(Struct, frozen=True, gc=False):
    """Send an error to this client."""

    code: ErrorCode
    frame: bytes


class Mark(Struct, frozen=True, gc=False):
    """Submit a marker, soon."""

    marker: Marker


class MarkAll(Struct, frozen=True, gc=False):
    """Submit markers, soon; tell the session by `marked` or `unavailable` what became of them."""

    markers: tuple[Marker, ...]
    request_id: str


class Check(Struct, frozen=True, gc=False):
    """Check a token; tell the session by `authenticated` or `refused`."""

    token: str
    request_id: str | None = None


class Close(Struct, frozen=True, gc=False):
    """Close the socket."""

    code: CloseCode
    reason: str


Effect = Submit | Ask | Reply | Refuse | Mark | MarkAll | Check | Close
Effects = Sequence[Effect]
