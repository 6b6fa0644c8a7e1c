"""Questions of the application: sent as the pace allows, and again when they came too fast. Pure.

Who asks waits elsewhere (`client.requests`), for a bounded time.
"""

from collections import OrderedDict

from client.effects import Effects
from client.frames import Error
from client.pace import Gate


class Questions:
    """The questions that wait to be sent, and those that may have to be sent again."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, bytes] = OrderedDict()
        self._sent: dict[str, bytes] = {}

    def ask(self, request_id: str, frame: bytes) -> None:
        """Put a question; `pump` follows."""
        self._waiting[request_id] = frame

    def forget(self, request_id: str) -> None:
        """It was answered, or nobody waits for the answer any more."""
        self._waiting.pop(request_id, None)
        self._sent.pop(request_id, None)

    def clear(self) -> None:
        """The connection ended, and with it every question."""
        self._waiting.clear()
        self._sent.clear()

    def pump(self, now: int, gate: Gate, out: Effects) -> None:
        """Send what may be sent."""
        while self._waiting and gate.passes(now, out):
            request_id, frame = self._waiting.popitem(last=False)
            self._sent[request_id] = frame
            out.frames.append(frame)

    def limited(self, error: Error) -> bool:
        """Whether the error is for a question that came too fast, which is then sent again."""
        frame = self._sent.pop(error.id or "", None)
        if frame is None or error.code != "rate_limited":
            return False
        self._waiting[error.id or ""] = frame
        return True
