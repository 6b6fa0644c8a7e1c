"""A table of text: columns as wide as what they hold, whatever people wrote into them.

In: a heading and rows. Out: lines. Cells are made harmless here. On a terminal the last column is
wrapped; in a pipe every row is one whole line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rich.console import Console
from rich.text import Text

from cli.columns import pad, width, wrap
from events.text import on_one_line

_BETWEEN = "  "
_LAST_COLUMNS_MIN = 20


def show(
    console: Console,
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Collection[int] = (),
) -> None:
    """Print a table; `right` are the columns whose cells stand at their right edge."""
    columns = console.width if console.is_terminal else None
    first, *others = lines(head, rows, right=right, columns=columns)
    console.print(Text(first, "bold"), soft_wrap=True)
    for line in others:
        console.print(Text(line), soft_wrap=True)


def lines(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Collection[int] = (),
    columns: int | None = None,
) -> list[str]:
    """The table as lines of at most so many columns, or as long as they are."""
    cells = [[on_one_line(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    indent = sum(widths[:-1]) + len(_BETWEEN) * (len(widths) - 1)
    room = widths[-1] if columns is None else max(columns - indent, _LAST_COLUMNS_MIN)
    made = []
    for row in cells:
        fixed = [
            pad(cell, widths[at], right=at in right) + _BETWEEN for at, cell in enumerate(row[:-1])
        ]
        first, *others = wrap(row[-1], max(room, 1))
        first = pad(first, widths[-1], right=len(row) - 1 in right)
        made.append(("".join(fixed) + first).rstrip())
        made += (" " * indent + one for one in others)
    return made
