"""Text in columns of a terminal: measured, cut, padded and wrapped. Pure.

In: harmless text (`events.text`). A family, a flag or a letter with accents is one character here,
as wide as terminals show it, and never taken apart. What was cut ends with an ellipsis.
"""

from __future__ import annotations

import wcwidth

from events.text import closing, opening

ELLIPSIS = "…"


def width(text: str) -> int:
    """How many columns the text takes."""
    return wcwidth.width(text, control_codes="ignore")


def clip(text: str, columns: int) -> str:
    """The text in at most so many columns; if it was cut, an ellipsis says so."""
    if width(text) <= columns:
        return text
    kept = text[: _fitting(text, columns - width(ELLIPSIS))]
    return kept + closing(kept) + ELLIPSIS


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """The text with spaces up to so many columns, behind it or, on the right, before it."""
    spaces = " " * max(0, columns - width(text))
    return spaces + text if right else text + spaces


def wrap(text: str, columns: int) -> tuple[str, ...]:
    """Text in pieces of at most so many columns, broken at spaces where that is possible.

    A character that is wider than that has a piece of its own. Directions that are open where a
    line is broken are closed there, and go on in the next piece.
    """
    pieces: list[str] = []
    for paragraph in text.split("\n"):
        rest, directions = paragraph, ""
        while width(rest) > columns:
            end = _fitting(rest, columns) or len(next(wcwidth.iter_graphemes(rest)))
            space = rest.rfind(" ", 0, end + 1)
            end = space if space > 0 else end
            piece = directions + rest[:end]
            pieces.append(piece + closing(piece))
            rest, directions = rest[end:].lstrip(" "), opening(piece)
        pieces.append(directions + rest)
    return tuple(pieces)


def _fitting(text: str, columns: int) -> int:
    """How many code points of whole characters fit."""
    end = used = 0
    for character in wcwidth.iter_graphemes(text):
        used += width(character)
        if used > columns:
            break
        end += len(character)
    return end
