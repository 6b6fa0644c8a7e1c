"""JSON, taken strictly: what two readers might understand differently is refused.

In: a text. Out: its value, or NotTaken with a sentence for the client. Duplicate fields, numbers
beyond 2^53 or infinite, NaN, lone surrogates, deep nesting and many fields are refused: no later
reader of the value, in whatever language, can see another one than we did. Pure.
"""

import json
from typing import Any, NoReturn

import msgspec

FIELDS_MAX = 32
INTEGER_MAX = 2**53 - 1

_INTEGER_DIGITS_MAX = len(str(INTEGER_MAX))
_INFINITIES = (float("inf"), float("-inf"))


class NotTaken(ValueError):
    """A text that is not taken, and why."""


def decode(text: str) -> Any:
    """The value of a JSON text. Raises NotTaken."""
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
