"""Cuts what is long into pieces, so that none holds the event loop or a store for long. Pure."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

One = TypeVar("One")


def in_pieces(some: Sequence[One], at_once: int) -> Iterator[Sequence[One]]:
    """The same in its order, so many at a time; nothing for nothing."""
    for start in range(0, len(some), at_once):
        yield some[start : start + at_once]
