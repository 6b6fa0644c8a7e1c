"""What became of each message: was it lost, doubled or reordered, and how late was it? Pure.

In: what each device of a pair sent and was shown, with the time (seconds of one clock). Out: for
each stage of a message the samples of its latency, counted from the time at which it was *due*, not
sent (so a stalled system cannot hide), and the count of every broken promise.

Both devices of a pair must be shown one gap-free order: each `seq` once, as `accepted` on the
device that sent the message and as `event` on the other. A tick is a watermark: it counts for all
messages of the other side up to its seq, and what was read was delivered.

Not every server has every stage: only those that are wanted are waited for and missed.
"""

from array import array
from collections import deque
from enum import IntFlag

from bench.figures import Quantiles, quantiles_ms


class Stage(IntFlag):
    """How far a message has come."""

    ACCEPTED = 1
    DELIVERED = 2
    DELIVERED_TICK = 4
    READ_TICK = 8


_TICKS = {"delivered": Stage.DELIVERED_TICK, "read": Stage.READ_TICK}
_IMPLIED = {"delivered": ("delivered",), "read": ("delivered", "read")}
_KINDS = tuple(_TICKS)
ALL = Stage.ACCEPTED | Stage.DELIVERED | Stage.DELIVERED_TICK | Stage.READ_TICK


class Side:
    """One device of a pair."""

    __slots__ = ("newest_seq", "unaccepted", "unticked", "watermarks")

    def __init__(self) -> None:
        self.newest_seq = 0
        self.unaccepted: deque[int] = deque()
        self.unticked: dict[str, deque[tuple[int, int]]] = {kind: deque() for kind in _KINDS}
        self.watermarks = dict.fromkeys(_KINDS, 0)


class Ledger:
    """The messages of a run, numbered from 0 in the order in which they were sent."""

    def __init__(self, wanted: Stage = ALL) -> None:
        self.samples: dict[Stage, array[float]] = {
            stage: array("d") for stage in Stage if stage & wanted
        }
        self.doubled = 0
        self.reordered = 0
        self.gaps = 0
        self.complete = 0
        self._wanted = wanted
        self._refused: set[int] = set()
        self._due = array("d")
        self._stages = bytearray()
        self._measured_from = float("inf")

    def __len__(self) -> int:
        """How many messages were sent."""
        return len(self._due)

    @property
    def is_settled(self) -> bool:
        """Whether every message has reached every stage or was refused."""
        return self.complete + len(self._refused) >= len(self._due)

    def measure_from(self, due: float) -> None:
        """Take samples of messages that are due at this time or later."""
        self._measured_from = due

    def sent(self, side: Side, due: float) -> int:
        """A device sends a message; its number."""
        number = len(self._due)
        self._due.append(due)
        self._stages.append(0)
        side.unaccepted.append(number)
        return number

    def accepted(self, side: Side, number: int, seq: int, now: float) -> None:
        """The sending device was shown its first tick."""
        if not self._shown(side, number, Stage.ACCEPTED, seq, now):
            return
        if side.unaccepted and side.unaccepted[0] == number:
            side.unaccepted.popleft()
        elif number in side.unaccepted:
            self.reordered += 1
            side.unaccepted.remove(number)
        for kind, waiting in side.unticked.items():
            waiting.append((seq, number))
            if seq <= side.watermarks[kind]:
                self._tick(side, kind, now)

    def refused(self, side: Side, number: int) -> None:
        """The gateway did not take the message; nobody waits for it any more."""
        if number in side.unaccepted:
            side.unaccepted.remove(number)
            self._refused.add(number)

    def delivered(self, side: Side, number: int, seq: int, now: float) -> bool:
        """The other device was shown the message; False when it had it already."""
        return self._shown(side, number, Stage.DELIVERED, seq, now)

    def ticked(self, side: Side, kind: str, seq: int, now: float) -> None:
        """The sending device was shown a move of the other member's marker."""
        for implied in _IMPLIED[kind]:
            if seq > side.watermarks[implied]:
                side.watermarks[implied] = seq
                self._tick(side, implied, now)

    def missing(self) -> dict[str, int]:
        """How many messages that were not refused have not reached each stage."""
        return {
            stage.name.lower(): sum(
                not reached & stage and number not in self._refused
                for number, reached in enumerate(self._stages)
            )
            for stage in self.samples
            if stage.name
        }

    def quantiles(self) -> dict[str, Quantiles]:
        """The latencies of each stage."""
        return {
            stage.name.lower(): quantiles_ms(samples)
            for stage, samples in self.samples.items()
            if stage.name
        }

    def _tick(self, side: Side, kind: str, now: float) -> None:
        waiting, watermark = side.unticked[kind], side.watermarks[kind]
        while waiting and waiting[0][0] <= watermark:
            self._reached(waiting.popleft()[1], _TICKS[kind], now)

    def _shown(self, side: Side, number: int, stage: Stage, seq: int, now: float) -> bool:
        if self._stages[number] & stage:
            self.doubled += 1
            return False
        if seq > side.newest_seq + 1:
            self.gaps += 1
        elif seq <= side.newest_seq:
            self.reordered += 1
        side.newest_seq = max(side.newest_seq, seq)
        self._reached(number, stage, now)
        return True

    def _reached(self, number: int, stage: Stage, now: float) -> None:
        reached = self._stages[number] | stage
        self._stages[number] = reached
        if reached == self._wanted:
            self.complete += 1
        due = self._due[number]
        if due >= self._measured_from:
            self.samples[stage].append(now - due)
