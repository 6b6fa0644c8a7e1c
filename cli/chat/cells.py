"""Text that prompt_toolkit draws by characters instead of by code points.

prompt_toolkit gives every code point cells of its own and adds up their widths: a family would
take eight columns and tear its line. It walks a text by iterating over it and remembers the width
of each piece that it meets, so it is told both here: what the characters are, and how wide
terminals show them.
"""

from __future__ import annotations

from collections.abc import Iterator

from prompt_toolkit import utils
from wcwidth import iter_graphemes

from cli.columns import width

_TAUGHT_LENGTH_MAX = 32
"""Longer ones are letters with many accents, of which the sum is right."""


class Cells(str):
    """A text whose pieces are characters."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        before = ""
        for character in iter_graphemes(str(self)):
            if before and not width(character):  # It has no cell of its own: a mark of direction.
                before += character
                continue
            if before:
                yield _taught(before)
            before = character
        if before:
            yield _taught(before)


def _taught(character: str) -> str:
    known = utils._CHAR_SIZES_CACHE
    if 1 < len(character) <= _TAUGHT_LENGTH_MAX:
        known[character] = width(character)
    return character
