"""Looks for an input that a target cannot stand, and makes it as small as it can be."""

import time
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from tests.fuzz.fault import in_time
from tests.fuzz.mutation import mutated, smallest

Target = Callable[[bytes], str]


class Found(NamedTuple):
    """An input, and what it led to."""

    data: bytes
    error: Exception


class Hunt(NamedTuple):
    """How many inputs were tried, and the first that did harm."""

    inputs: int
    found: Found | None


def attempt(target: Target, data: bytes) -> str:
    """What a target makes of one input, in bounded time."""
    with in_time():
        return target(data)


def hunt(target: Target, seeds: Sequence[bytes], seconds: float, number: int) -> Hunt:
    """Try inputs for so long, or until one does harm. The same number tries the same inputs."""
    random, give_up_at, inputs = Random(number), time.monotonic() + seconds, 0
    while time.monotonic() < give_up_at:
        data = mutated(random, seeds)
        inputs += 1
        if (error := harm(target, data)) is not None:
            return Hunt(inputs, _smallest(target, Found(data, error)))
    return Hunt(inputs, None)


def harm(target: Target, data: bytes) -> Exception | None:
    """What an input leads to that it must not."""
    try:
        attempt(target, data)
    except Exception as error:
        return error
    return None


def _smallest(target: Target, found: Found) -> Found:
    """As little of an input as leads to an error of the same kind."""
    kind = type(found.error)
    data = smallest(found.data, lambda less: type(harm(target, less)) is kind)
    return Found(data, harm(target, data) or found.error)
