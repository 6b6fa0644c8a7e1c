"""Comparing: what is missing, what is too much, what differs, and what is only newer."""

from projections.cells import Cell, Key, fold
from replay.compare import Difference, compare

KEY: Key = ("timeline", "d:ann:bob", 0, 1)
OTHER: Key = ("timeline", "d:ann:bob", 0, 2)


def held(*cells: Cell) -> dict[Key, Cell]:
    folded: dict[Key, Cell] = {}
    fold(folded, cells)
    return folded


def test_equal_cells_are_equal() -> None:
    found = compare(held(Cell(KEY, "a", 1)), [Cell(KEY, "a", 1)], end_position=9)
    assert found.equal
    assert found.compared == 1


def test_a_cell_that_is_not_there_is_missing() -> None:
    found = compare(held(Cell(KEY, "a", 1), Cell(OTHER, "b", 2)), [Cell(KEY, "a", 1)], 9)
    assert found.missing == [Cell(OTHER, "b", 2)]
    assert not found.equal


def test_a_cell_that_no_record_wrote_is_not_expected() -> None:
    found = compare({}, [Cell(KEY, "a", 1)], 9)
    assert found.unexpected == [Cell(KEY, "a", 1)]


def test_a_value_or_a_position_that_differs_is_shown_with_both() -> None:
    for live in (Cell(KEY, "b", 1), Cell(KEY, "a", 2)):
        found = compare(held(Cell(KEY, "a", 1)), [live], 9)
        assert found.differing == [(Cell(KEY, "a", 1), live)]
        assert "differs: timeline['d:ann:bob', 0, 1]" in "\n".join(found.lines())


def test_what_was_written_behind_the_end_of_the_reading_is_newer_not_wrong() -> None:
    found = compare(held(Cell(KEY, "a", 1)), [Cell(KEY, "b", 10), Cell(OTHER, "c", 11)], 9)
    assert found.equal
    assert found.newer == 2


def test_outcomes_add_up() -> None:
    total = Difference()
    total.add(compare(held(Cell(KEY, "a", 1)), [], 9))
    total.add(compare({}, [Cell(OTHER, "a", 1)], 9))
    assert (total.compared, len(total.missing), len(total.unexpected)) == (2, 1, 1)
