"""What one command writes down as JSON and another reads: values of dataclasses, one per file.

The writer may be of another release. Fields that this one does not know are left out, so that it
still finds, asks and ends what a newer one started.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

Value = TypeVar("Value")


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def read(kind: type[Value], file: Path) -> Value:
    """The value in the file. Raises OSError, and ValueError for one that is damaged."""
    value: Value = _adapter(kind).validate_json(file.read_bytes())
    return value


def why_damaged(error: ValueError) -> str:
    """What is wrong with a file that `read` refused, in a few words."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]
