"""Whether the log still holds what was read from it: marks compared with their partitions.

In: marks (`events.marks`) by place. Out: what the log holds instead, in words, for each mark that
it contradicts: it ends before the mark, begins behind it, or has another record just before it.
Reads one record for each mark; synchronous: call it on a thread of its own.
"""

from collections.abc import Mapping

from events.marks import Mark, fingerprint_of
from events.topics import KEPT
from infra.log_reader import LogReader, Place, place_of

WAY_OUT = "`After a log was lost or restored` in docs/deploying.md says what to do"

_BEGINS = "begins"


class LogLost(Exception):
    """The log lost records that were read, or is another one: going on would hide or double."""

    def __init__(self, place: Place, had: str, holds: str) -> None:
        super().__init__(f"{place[0]}/{place[1]}: {had}, and the log {holds}; {WAY_OUT}")


def contradicted(reader: LogReader, marks: Mapping[Place, Mark]) -> dict[Place, str]:
    """The marks that the log contradicts, and what it does instead."""
    found: dict[Place, str] = {}
    stretches: dict[Place, tuple[int, int]] = {}
    for place, (low, end) in reader.ends(list(marks)).items():
        mark = marks[place]
        if mark.offset > end:
            found[place] = f"ends at {end}"
        elif mark.offset < low:
            found[place] = f"{_BEGINS} at {low}"
        elif mark.offset > low and mark.fingerprint:
            stretches[place] = (mark.offset - 1, mark.offset)
            found[place] = f"has another record at {mark.offset - 1}"
    for record in reader.read(stretches):
        topic, partition, _ = place_of(record)
        if fingerprint_of(record.value()) == marks[topic, partition].fingerprint:
            del found[topic, partition]
    return found


def is_loss(place: Place, holds: str) -> bool:
    """Whether a contradiction says that records are lost.

    Where they are not kept for ever, retention takes them, also such as were not read yet.
    """
    return place[0] in KEPT or not holds.startswith(_BEGINS)


def refuse_other_generation(place: Place, mark: Mark, generation: int) -> None:
    """Raises LogLost for a mark of a log that is newer than the one this process was told of."""
    if mark.generation > generation:
        raise LogLost(
            place,
            f"a position of log generation {mark.generation} is kept",
            f"is of generation {generation} by CHAT_KAFKA_LOG_GENERATION",
        )
