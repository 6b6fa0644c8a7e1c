"""What a part of the stack is, and what can be said about one.

A `Part` is a value: how to start it and how to ask whether it answers. It does nothing itself;
`stack` does. Some parts are other people's servers, the rest are our own programs (`services`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

PID_FILE_NAME = "pid.json"
STOPPING_FILE_NAME = "stopping"
"""Is there while somebody ends the part on purpose."""


class State(StrEnum):
    """Where a part is in its life."""

    STOPPED = "stopped"
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    SILENT = "silent"
    HALTED = "halted"
    """It answers, and says that it does some of its work no more."""
    PAUSED = "paused"
    DIED = "died"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process of the stack, described."""

    name: str
    command: Callable[[], tuple[str, ...]]
    """The argument list; asked for at the start only, so that a status needs no Java."""
    folder: Path
    log_file: Path
    port: int
    """The port people connect to."""
    answers: Callable[[], bool]
    """Asks the part itself whether it can be used now."""
    complaint: Callable[[], str] = lambda: ""
    """Why it cannot be used until somebody does something, in its own words; empty otherwise."""
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None
    """Writes configuration and formats storage; harmless to repeat."""
    settle: Callable[[], None] = lambda: None
    """What is to be done each time that it answers, before others may use it; may be repeated."""
    needs: tuple[str, ...] = ()
    """Parts that must answer before this one is started."""
    niceness: int = 0
    """How far it stands back for others on a busy machine once it is ready, 0 to 19."""
    ready_seconds_max: float = 300.0
    """A busy machine takes its time; a part that ends is noticed at once."""
    stop_seconds_max: float = 20.0

    @property
    def pid_file(self) -> Path:
        """Where the record of its process is."""
        return self.folder / PID_FILE_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class PartStatus:
    """What one part is doing now."""

    name: str
    state: State
    port: int | None = None
    pid: int | None = None
    seconds: float | None = None
    """From start to ready while it starts, since the start afterwards."""
    resident_bytes: int = 0
    detail: str = ""
    """What is wrong or was, in one line; empty when nothing is."""
    restarts: int = 0
    """How often its supervisor has started it again."""
    last_exit_status: int | None = None
    """How it ended last, a signal being negative; None when it is not known."""
    next_try_at: float | None = None
    """When its supervisor starts it again, in seconds since 1970."""

    @property
    def remedy(self) -> str:
        """What to do about it; empty when nothing is wrong."""
        if self.state == State.DIED and self.next_try_at is not None:
            return "read its log; its supervisor tries again"
        return _REMEDIES.get(self.state, "")

    @property
    def sentence(self) -> str:
        """How the part is, in one sentence."""
        verb = "has" if self.state == State.DIED else "is"
        said = f": {self.detail}" if self.detail else ""
        return f"{self.name} {verb} {self.state}{said}."

    def as_json(self) -> dict[str, object]:
        """The same as plain JSON values."""
        return {**asdict(self), "state": str(self.state), "remedy": self.remedy}


OnProgress = Callable[[PartStatus], None]

_FRAME = re.compile(r"at \S+\(.*\)$|\.\.\. \d+ (more|common frames)")
_UNSAID = ("event", "level", "timestamp", "service", "exception", "logger")
_REMEDIES = {
    State.STOPPED: "run `chatlog up`",
    State.STARTING: "wait a moment, then ask again",
    State.SILENT: "read its log; `chatlog down` and `chatlog up` start it anew",
    State.HALTED: "what it says; to start it again does not help",
    State.PAUSED: "send it SIGCONT, or `chatlog down` and `chatlog up`",
    State.DIED: "read its log; `chatlog up` starts it again",
}


def last_lines(log_file: Path, count: int = 5) -> list[str]:
    """The end of a log, without blank lines and the frames of Java's stack traces."""
    try:
        with log_file.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - 16_384))
            text = log.read().decode(errors="replace")
    except OSError:
        return []
    lines = [line.strip() for line in text.splitlines()]
    return [_in_words(line) for line in lines if line and not _FRAME.match(line)][-count:]


def _in_words(line: str) -> str:
    """A line of a log; what our own programs log as JSON becomes what happened, and with what."""
    try:
        said = json.loads(line)
    except ValueError:
        return line
    if not isinstance(said, dict) or "event" not in said:
        return line
    about = ", ".join(f"{name} {value}" for name, value in said.items() if name not in _UNSAID)
    event = str(said["event"]).strip().rstrip(".:")
    return f"{event} ({about})" if about else event
