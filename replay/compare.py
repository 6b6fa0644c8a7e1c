"""What the log says should be there, beside what is there. Pure.

In: the cells folded from the log up to an offset, and the live cells. Out: what is missing, what is
too much, what differs. A live cell written by a record behind that offset is newer than what was
folded: it is counted and says nothing about what lies below it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from projections.cells import Cell, Key

_SHOWN = 20


@dataclass(slots=True)
class Difference:
    """The outcome of a comparison; several may be added up."""

    records: int = 0
    compared: int = 0
    newer: int = 0
    undecodable: int = 0
    missing: list[Cell] = field(default_factory=list)
    unexpected: list[Cell] = field(default_factory=list)
    differing: list[tuple[Cell, Cell]] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether the log and the live rows say the same."""
        return not (self.missing or self.unexpected or self.differing)

    def add(self, other: "Difference") -> None:
        """Take in another outcome."""
        self.records += other.records
        self.compared += other.compared
        self.newer += other.newer
        self.undecodable += other.undecodable
        self.missing += other.missing
        self.unexpected += other.unexpected
        self.differing += other.differing

    def lines(self) -> Iterator[str]:
        """The outcome for a person."""
        wrong = len(self.missing) + len(self.unexpected) + len(self.differing)
        yield (
            f"{self.records} records, {self.compared} cells compared, {wrong} wrong"
            f" ({self.newer} newer than this reading, {self.undecodable} records set aside)"
        )
        for cell in self.missing[:_SHOWN]:
            yield f"missing: {_place(cell.key)} = {cell.value!r} at {cell.position}"
        for cell in self.unexpected[:_SHOWN]:
            yield f"not in the log: {_place(cell.key)} = {cell.value!r} at {cell.position}"
        for log, live in self.differing[:_SHOWN]:
            yield (
                f"differs: {_place(log.key)}: the log says {log.value!r} at {log.position}, "
                f"the row {live.value!r} at {live.position}"
            )
        if wrong > 3 * _SHOWN:
            yield "and more."


def compare(expected: Mapping[Key, Cell], live: Iterable[Cell], end_position: int) -> Difference:
    """Compare what was folded up to the end position with what is live."""
    found = Difference()
    unseen = dict(expected)
    for cell in live:
        wanted = unseen.pop(cell.key, None)
        if cell.position > end_position:
            found.newer += 1
        elif wanted is None:
            found.unexpected.append(cell)
        elif wanted != cell:
            found.differing.append((wanted, cell))
        found.compared += 1
    found.missing += unseen.values()
    found.compared += len(unseen)
    return found


def _place(key: Key) -> str:
    return f"{key[0]}{list(key[1:])}"
