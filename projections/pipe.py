"""What a Redis store needs of its connection: many commands, one round trip.

`pack` makes the bytes of one command; `Pipe.run` sends some and returns one reply for each, text
decoded, in order. It raises, and returns nothing, when any of them failed; every command of the
stores may be repeated, so the caller simply tries again. `infra.redis.RedisPipe` is the real one.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import hiredis


class Pipe(Protocol):
    """A pipelined Redis connection."""

    async def run(self, commands: Sequence[bytes]) -> list[Any]:
        """One reply for each command, after one round trip."""
        ...


def pack(*words: str | int) -> bytes:
    """One command as it goes over the wire."""
    packed: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]
    return packed
