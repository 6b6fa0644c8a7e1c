"""Text that people wrote: cut between characters, and shown without harm. Pure.

A character is what people see as one: a family, a flag, a letter with its accents. `cut` takes none
of them apart. `harmless` replaces what can do something to a terminal, or to the lines around it,
and leaves everything else as it is: joiners, soft hyphens, spaces of any width, and the emoji of
Unicode versions that this Python does not know.
"""

from __future__ import annotations

import re
import unicodedata

from wcwidth import iter_graphemes

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

HARMFUL_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Controls (escape sequences begin with one), lone surrogates, separators of lines and paragraphs.

Not `Cf`, which holds joiners, nor `Cn`: what is unassigned here is an emoji elsewhere.
"""

_OVERRIDES = "\N{LEFT-TO-RIGHT OVERRIDE}\N{RIGHT-TO-LEFT OVERRIDE}"
_EMBEDDINGS = "\N{LEFT-TO-RIGHT EMBEDDING}\N{RIGHT-TO-LEFT EMBEDDING}"
_ISOLATES = "\N{LEFT-TO-RIGHT ISOLATE}\N{RIGHT-TO-LEFT ISOLATE}\N{FIRST STRONG ISOLATE}"
_POP = "\N{POP DIRECTIONAL FORMATTING}"
_POP_ISOLATE = "\N{POP DIRECTIONAL ISOLATE}"
_DEPTH_MAX = 8
"""Directions within directions: each is said again on every line of a text that is wrapped."""
_DIRECTIONS = frozenset(_OVERRIDES + _EMBEDDINGS + _ISOLATES + _POP + _POP_ISOLATE)

_LINE_BREAKS = re.compile("\r\n|[\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}]")
_TAB = " " * 4
"""How wide a tab is depends on where it stands, so it cannot be measured."""

_TAG_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f")
"""England, Scotland, Wales: the one use of tag characters; elsewhere they hide text."""


def cut(text: str, length_max: int) -> str:
    """As many whole characters as have at most so many code points together.

    One character alone may be longer, since any number of accents may follow a letter; then its
    first code points are kept. So the answer is bounded, and empty only for an empty text.
    """
    if len(text) <= length_max:
        return text
    end = 0
    for character in iter_graphemes(text):
        if end + len(character) > length_max:
            break
        end += len(character)
    return text[: end or length_max]


def harmless(text: str) -> str:
    """The text for a terminal; its line breaks stay, as `\\n`."""
    if text.isascii() and text.isprintable():
        return text
    lines = _LINE_BREAKS.sub("\n", text).replace("\t", _TAB).split("\n")
    return "\n".join(map(_harmless_line, lines))


def on_one_line(text: str) -> str:
    """The same without line breaks."""
    return harmless(text).replace("\n", "⏎")


def closing(text: str) -> str:
    """What ends the directions that are open at the end of a piece of harmless text."""
    return "".join(_POP_ISOLATE if text[at] in _ISOLATES else _POP for at in reversed(_open(text)))


def opening(text: str) -> str:
    """What continues the directions that are open at the end of a piece, in the next one."""
    return "".join(text[at] for at in _open(text))


def _harmless_line(line: str) -> str:
    if line.isascii() and line.isprintable():
        return line
    characters = list(line)
    tags = {at for found in _TAG_FLAG.finditer(line) for at in range(*found.span())}
    for at, character in enumerate(characters):
        if _is_harmful(character) and at not in tags:
            characters[at] = REPLACEMENT
    if not _DIRECTIONS.isdisjoint(line):
        for at in _unbalanced(line):
            characters[at] = REPLACEMENT
    return "".join(characters)


def _is_harmful(character: str) -> bool:
    point = ord(character)
    is_noncharacter = 0xFDD0 <= point <= 0xFDEF or point & 0xFFFE == 0xFFFE
    is_tag = 0xE0000 <= point <= 0xE007F
    return is_noncharacter or is_tag or unicodedata.category(character) in HARMFUL_CATEGORIES


def _unbalanced(line: str) -> list[int]:
    """Where a direction is forced, begins without an end or too deep, or ends without beginning."""
    wrong, open_at, isolates = [], list[int](), 0
    for at, character in enumerate(line):
        if character in _OVERRIDES:
            wrong.append(at)
        if character in _OVERRIDES or character in _EMBEDDINGS or character in _ISOLATES:
            if len(open_at) == _DEPTH_MAX:
                wrong.append(at)
                continue
            open_at.append(at)
            isolates += character in _ISOLATES
        elif character == _POP:
            if open_at and line[open_at[-1]] not in _ISOLATES:
                if line[open_at.pop()] in _OVERRIDES:
                    wrong.append(at)
            else:
                wrong.append(at)
        elif character == _POP_ISOLATE:
            if isolates:
                while line[one := open_at.pop()] not in _ISOLATES:
                    wrong.append(one)
                isolates -= 1
            else:
                wrong.append(at)
    return wrong + open_at


def _open(text: str) -> list[int]:
    """Where the directions begin that do not end within the text."""
    open_at: list[int] = []
    for at, character in enumerate(text):
        if character in _EMBEDDINGS or character in _ISOLATES:
            open_at.append(at)
        elif character in (_POP, _POP_ISOLATE) and open_at:
            open_at.pop()
    return open_at
