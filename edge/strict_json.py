"""JSON, taken strictly: what two readers might understand differently is refused.

In: a text. Out: its value, or NotTaken with a sentence for the client. Duplicate fields, numbers
beyond 2^53 or infinite, NaN, lone surrogates, deep nesting and many fields are refused: no later
reader of the value, in whatever language, can see another one than we did. Pure.

Theory of operation. What is refused can be told from the text only by a slow parser. But in a flat
object without a backslash, as most frames are, every quote begins or ends a field's name or a text:
counting quotes tells whether a field is given twice. Such an object is taken from a fast parser.
"""

import json
from typing import Any, NoReturn

import msgspec

from events.text import on_one_line

FIELDS_MAX = 32
INTEGER_MAX = 2**53 - 1

_INTEGER_DIGITS_MAX = len(str(INTEGER_MAX))
_INTEGER_FAST_MAX = 10**_INTEGER_DIGITS_MAX
_ID_MAX = 64
_INFINITIES = (float("inf"), float("-inf"))


class NotTaken(ValueError):
    """A text that is not taken, and why."""


def decode(text: str) -> Any:
    """The value of a JSON text. Raises NotTaken."""
    if "\\" not in text and (simple := _simple(text)) is not None:
        return simple
    return decode_slowly(text)


def decode_slowly(text: str) -> Any:
    """The same, for every text."""
    try:
        value = _decode(text)
        if "\\u" in text:
            msgspec.json.encode(value)
    except NotTaken:
        raise
    except UnicodeEncodeError:
        raise NotTaken("A surrogate stands alone.") from None
    except (ValueError, RecursionError):
        raise NotTaken("The frame is not JSON.") from None
    return value


def id_of(text: str) -> str | None:
    """The one top-level `id` of a text that is not taken; None where a reader might see another.

    So a client can tell which of its frames was refused. Nothing else of the text is looked at.
    """
    try:
        pairs = _decode_pairs(text)
    except (ValueError, RecursionError):
        return None
    found = [value for name, value in pairs if name == "id"] if type(pairs) is _Pairs else []
    if len(found) != 1 or type(found[0]) is not str:
        return None
    return found[0] if len(found[0]) <= _ID_MAX and on_one_line(found[0]) == found[0] else None


class _Pairs(list[tuple[str, Any]]):
    """An object, with every field as it was given."""


def _simple(text: str) -> dict[str, Any] | None:
    """The value of a flat object in which nothing can be refused, or None: it must be looked at."""
    try:
        value = _decode_fast(text)
    except (ValueError, RecursionError):
        return None
    if type(value) is not dict or len(value) > FIELDS_MAX:
        return None
    strings = len(value)
    for one in value.values():
        kind = type(one)
        if kind is str:
            strings += 1
        elif kind is int:
            if not -_INTEGER_FAST_MAX < one < _INTEGER_FAST_MAX:
                return None
        elif kind is not bool and one is not None:
            return None
    return value if text.count('"') == 2 * strings else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > FIELDS_MAX:
        raise NotTaken(f"An object has at most {FIELDS_MAX} fields.")
    value = dict(pairs)
    if len(value) != len(pairs):
        raise NotTaken("A field is given twice.")
    return value


def _integer(digits: str) -> int:
    if len(digits) > _INTEGER_DIGITS_MAX + 1:
        raise NotTaken("A number is beyond 2^53.")
    return int(digits)


def _fraction(digits: str) -> float:
    value = float(digits)
    if value in _INFINITIES:
        raise NotTaken("A number is out of range.")
    return value


def _constant(name: str) -> NoReturn:
    raise NotTaken(f"{name} is no JSON.")


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
).decode
_decode_pairs = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_int=len, parse_float=len, parse_constant=len
).decode
_decode_fast = msgspec.json.Decoder().decode
