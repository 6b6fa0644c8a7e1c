"""What a store holds, in canonical form: cells, of which the one with the latest position stays.

Every write of a projection is a few cells (`cells` in its `projection.py`), and every Cassandra
store can say what it holds as cells. So the outcome of a log can be folded in memory, and compared
with what is live (invariant I9); nothing here knows Cassandra.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

Key = tuple[Any, ...]
"""A table's name, the primary key and, where it has its own write time, the column."""


class Cell(NamedTuple):
    """One value of one key, and the position of the record that wrote it."""

    key: Key
    value: Any
    position: int


def fold(held: dict[Key, Cell], cells: Iterable[Cell]) -> None:
    """Let each cell take its place unless a later one has it: any order gives the same."""
    for cell in cells:
        known = held.get(cell.key)
        if known is None or _rank(known) < _rank(cell):
            held[cell.key] = cell


def _rank(cell: Cell) -> tuple[int, str]:
    return cell.position, repr(cell.value)
