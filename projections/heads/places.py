"""Places in the order of changes, as clients hold them: tokens and cursors. Pure.

A token says that its device was told every change up to a number. A cursor says where the next page
begins, falling from the newest change to those that a token covers. Both name the life of Redis in
which their numbers were given; a cursor also names the mark of the index, which moves when the
index was restored. What is of another life, or cannot be read, is as if nothing was shown.
"""

import re
from typing import NamedTuple

_TOKEN = re.compile(r"([0-9a-f]{16})\.(\d{1,16})", re.ASCII)
_CURSOR = re.compile(r"([0-9a-f]{16})\.(\d{1,16})\.(\d{1,16})\.(\d{0,16})\.(\d{1,16})", re.ASCII)


class Token(NamedTuple):
    """Every change up to this number was told."""

    life: str
    change: int

    def __str__(self) -> str:
        return f"{self.life}.{self.change}"


class Cursor(NamedTuple):
    """A page begins below a number; the last one brings a token for `newest`."""

    life: str
    mark: int
    below: int
    since: int | None
    newest: int

    def __str__(self) -> str:
        since = "" if self.since is None else self.since
        return f"{self.life}.{self.mark}.{self.below}.{since}.{self.newest}"


def token_of(text: str | None) -> Token | None:
    """The token in a text."""
    found = _TOKEN.fullmatch(text or "")
    return None if found is None else Token(found[1], int(found[2]))


def cursor_of(text: str | None) -> Cursor | None:
    """The cursor in a text."""
    found = _CURSOR.fullmatch(text or "")
    if found is None:
        return None
    since = int(found[4]) if found[4] else None
    return Cursor(found[1], int(found[2]), int(found[3]), since, int(found[5]))
