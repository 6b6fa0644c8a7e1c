"""From a history to what each fault did: how long it was felt, and by how many. Pure.

A message is late when it was not accepted, or not shown to its receiver, within `LATE_SECONDS` of
being sent. A fault is felt from when it struck until the last message that was late because of it
had arrived: what people notice, not what a health check says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from chaos.history import Began, Ended, Healed, Line, Shown, Struck, Whole, only

LATE_SECONDS = 1.5
BUCKET_SECONDS = 0.5
BEFORE_SECONDS = 3.0
AFTER_SECONDS = 3.0

_NEVER = float("inf")


class Sample(Struct, frozen=True):
    """One piece of a second: what was sent, accepted and shown in it."""

    at: float
    sent: int
    accepted: int
    shown: int


class Episode(Struct, frozen=True, kw_only=True):
    """One fault, from its strike until all was whole. Times are seconds of the run's clock."""

    fault: str
    struck_at: float
    healed_at: float
    whole_at: float | None
    """When nobody waited and nothing lagged any more; None when that did not happen."""
    felt_until: float
    """When the last late message had arrived; the strike's time when none was late."""
    sent: int
    late: int
    refused: int
    samples: list[Sample]

    @property
    def felt_seconds(self) -> float:
        """How long people felt it, from the strike on."""
        return round(self.felt_until - self.struck_at, 2)

    @property
    def felt_after_heal_seconds(self) -> float:
        """How long people felt it after it was healed; 0 when they did not."""
        return round(max(0.0, self.felt_until - self.healed_at), 2)

    @property
    def whole_after_heal_seconds(self) -> float | None:
        """How long after the heal something still lagged."""
        return None if self.whole_at is None else round(self.whole_at - self.healed_at, 2)


class _Message(Struct):
    """A message's instants; infinite while it has not come so far."""

    sent_at: float
    accepted_at: float = _NEVER
    shown_at: float = _NEVER
    refused: bool = False

    @property
    def arrived_at(self) -> float:
        """When it was accepted and shown, whichever was later."""
        return max(self.accepted_at, self.shown_at)


def episodes(lines: Sequence[Line]) -> list[Episode]:
    """What each fault did, in order."""
    messages = _messages(lines)
    return [
        _episode(struck, healed, whole, messages)
        for struck, healed, whole in zip(
            only(lines, Struck), only(lines, Healed), only(lines, Whole), strict=False
        )
    ]


def _episode(struck: Struck, healed: Healed, whole: Whole, messages: list[_Message]) -> Episode:
    struck_at, end = struck.at, whole.at
    touched = [
        message
        for message in messages
        if message.sent_at < end and message.arrived_at > struck_at and not message.refused
    ]
    late = [message for message in touched if message.arrived_at - message.sent_at > LATE_SECONDS]
    arrivals = [message.arrived_at for message in late if message.arrived_at != _NEVER]
    felt_until = max(arrivals, default=struck_at)
    return Episode(
        fault=whole.fault,
        struck_at=struck_at,
        healed_at=healed.at,
        whole_at=whole.at if whole.in_time else None,
        felt_until=felt_until,
        sent=len(touched),
        late=len(late),
        refused=sum(m.refused and struck_at <= m.sent_at < end for m in messages),
        samples=list(_samples(messages, struck_at - BEFORE_SECONDS, end + AFTER_SECONDS)),
    )


def _messages(lines: Sequence[Line]) -> list[_Message]:
    found: dict[int, _Message] = {}
    for line in lines:
        if isinstance(line, Began):
            found[line.number] = _Message(line.at)
        elif isinstance(line, Ended) and line.code:
            found[line.number].refused = True
        elif isinstance(line, Ended):
            found[line.number].accepted_at = line.at
        elif isinstance(line, Shown) and line.device != line.sender:
            found[int(line.body)].shown_at = line.at
    return list(found.values())


def _samples(messages: list[_Message], start: float, end: float) -> Iterator[Sample]:
    count = max(1, int((end - start) / BUCKET_SECONDS) + 1)
    sent, accepted, shown = [0] * count, [0] * count, [0] * count
    for message in messages:
        for at, counts in (
            (message.sent_at, sent), (message.accepted_at, accepted), (message.shown_at, shown),
        ):  # fmt: skip
            if start <= at < end:
                counts[int((at - start) / BUCKET_SECONDS)] += 1
    for number in range(count):
        at = round(start + number * BUCKET_SECONDS, 2)
        yield Sample(at, sent[number], accepted[number], shown[number])
