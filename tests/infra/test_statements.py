"""Rows in batches: all of them, once, bounded, those of one partition side by side."""

from cassandra.query import UNSET_VALUE
from hypothesis import given
from hypothesis import strategies as st

from infra.statements import (
    BATCH_BYTES,
    BATCH_ROWS,
    BATCH_ROWS_OF_MANY,
    MANY_ROWS,
    Row,
    batches_of,
)

values = st.lists(st.binary(max_size=40) | st.just(UNSET_VALUE), max_size=3)
rows_of = st.lists(st.tuples(st.binary(max_size=2), values), max_size=2 * MANY_ROWS)


def cost(rows: list[Row]) -> int:
    return sum(len(value) for _, held in rows for value in held if value is not UNSET_VALUE)


@given(rows_of)
def test_every_row_is_in_one_batch_and_partitions_stand_together(rows: list[Row]) -> None:
    batches = [list(batch) for batch in batches_of(rows)]
    together = [row for batch in batches for row in batch]
    assert together == sorted(rows, key=lambda row: row[0])
    most = BATCH_ROWS if len(rows) < MANY_ROWS else BATCH_ROWS_OF_MANY
    assert all(0 < len(batch) <= most for batch in batches)
    assert len(batches) == -(-len(rows) // most)


def test_few_rows_go_in_large_batches_and_many_in_small_ones() -> None:
    def sizes(count: int) -> list[int]:
        return [len(batch) for batch in batches_of([(b"%d" % n, []) for n in range(count)])]

    assert sizes(0) == []
    assert sizes(MANY_ROWS - 1) == [64, 64, 64, 63]
    assert sizes(MANY_ROWS) == [16] * 16


@given(st.lists(st.integers(0, 40_000), min_size=1, max_size=12))
def test_no_batch_is_too_large_for_cassandra_unless_one_row_is(sizes: list[int]) -> None:
    rows: list[Row] = [(b"%02d" % number, [bytes(size)]) for number, size in enumerate(sizes)]
    batches = [list(batch) for batch in batches_of(rows)]
    assert [row for batch in batches for row in batch] == rows
    assert all(len(batch) == 1 or cost(batch) <= BATCH_BYTES for batch in batches)
