"""A position in the log that names its log, and can be checked against it. Pure.

An offset alone does not say to which log it belongs: when the end of a partition is lost its
offsets are given again, and a log that was restored has other records at them. So whoever keeps a
position keeps a mark: the generation of the log, the offset to go on at, the epoch in force there
(`events.fence`), and a fingerprint of the record just before. The fingerprint is made of the
record's value alone: that of a decision or move holds its epoch, place and time, and a copy of the
log on another cluster, where records get another append time, still is the same log.
"""

from hashlib import blake2b
from typing import NamedTuple

from events.fence import NO_EPOCH

_SEPARATOR = ":"


class Mark(NamedTuple):
    """A position; its text is what is committed beside an offset."""

    generation: int
    offset: int
    epoch: int
    fingerprint: str
    """Of the record just before the offset; empty where there is nothing to compare."""

    def __str__(self) -> str:
        return _SEPARATOR.join(map(str, self))


def fingerprint_of(value: bytes | None) -> str:
    """What a record is known by: 64 bits of its value, in hex."""
    return blake2b(value or b"", digest_size=8).hexdigest()


def mark_of(metadata: str | None, offset: int) -> Mark | None:
    """The mark that stands beside a committed offset; none when somebody else committed it.

    Older releases committed the epoch alone, in a log of the first generation.
    """
    parts = (metadata or "").split(_SEPARATOR)
    try:
        if len(parts) == 1:
            return Mark(0, offset, int(parts[0]), "")
        generation, at, epoch, fingerprint = parts
        return Mark(int(generation), int(at), max(int(epoch), NO_EPOCH), fingerprint)
    except ValueError:
        return None
