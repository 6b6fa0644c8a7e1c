"""What was done and seen during a run, as lines of JSON: the input of the offline checker.

Every line has `at`, seconds on the run's monotonic clock. A send is an operation with a beginning
and an end, as in Jepsen: it ended `ok` with a seq, was `refused`, or is `unknown` when it has no
end. Messages are known by their number, which is also their whole body.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TypeVar

import msgspec
from msgspec import Struct


class _Line(Struct, tag_field="what", frozen=True):
    at: float


class Began(_Line, tag="began", frozen=True):
    """A device was told to send a message."""

    device: str
    conversation: str
    number: int


class Ended(_Line, tag="ended", frozen=True):
    """The send came to an end: `seq` of what was accepted, or the `code` of a refusal."""

    number: int
    seq: int = 0
    code: str = ""


class Ticked(_Line, tag="ticked", frozen=True):
    """The sender was shown the second (2) or third (3) tick of its message."""

    number: int
    tick: int


class Shown(_Line, tag="shown", frozen=True):
    """A device was shown a message."""

    device: str
    conversation: str
    seq: int
    sender: str
    body: str


class Marked(_Line, tag="marked", frozen=True):
    """A device was told how far a member has got and read a conversation."""

    device: str
    conversation: str
    user: str
    delivered: int
    read: int


class Linked(_Line, tag="linked", frozen=True):
    """The connection of a device came or went."""

    device: str
    link: str
    detail: str


class Struck(_Line, tag="struck", frozen=True):
    """A fault began."""

    fault: str


class Healed(_Line, tag="healed", frozen=True):
    """What the fault broke is whole again, as far as the operator can tell."""

    fault: str


class Whole(_Line, tag="whole", frozen=True):
    """Everyone is served again and nothing lags; not `in_time` when that did not come."""

    fault: str
    in_time: bool = True


class Restarted(_Line, tag="restarted", frozen=True):
    """The supervisor started a part that had ended."""

    part: str


class Said(_Line, tag="said", frozen=True):
    """Something that a fault did, or that went wrong with a start."""

    text: str


Line = Began | Ended | Ticked | Shown | Marked | Linked | Struck | Healed | Whole | Restarted | Said

_Some = TypeVar("_Some", bound=_Line)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class Recorder:
    """Keeps every line of a run in a file."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._began = time.monotonic()
        self._file: IO[bytes] = file.open("wb")

    def now(self) -> float:
        """Seconds since the run began."""
        return round(time.monotonic() - self._began, 4)

    def add(self, line: Line) -> None:
        """Keep a line; what comes after the end is not of the run."""
        if self._file.closed:
            return
        self._file.write(_encoder.encode(line) + b"\n")

    def say(self, text: str) -> None:
        """Keep what is being done, in words."""
        self.add(Said(self.now(), text))

    def close(self) -> None:
        """The file is whole."""
        self._file.close()


def read(file: Path) -> list[Line]:
    """The lines of a file. Raises OSError and msgspec.DecodeError."""
    return [_decoder.decode(line) for line in file.read_bytes().splitlines()]


def only(lines: Sequence[Line], kind: type[_Some]) -> Iterator[_Some]:
    """The lines of one kind, in order."""
    return (line for line in lines if isinstance(line, kind))
