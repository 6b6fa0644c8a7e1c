"""Whole events of any contents, as nobody of ours would write them."""

from random import Random
from typing import Any, Literal, get_args, get_origin, get_type_hints

from msgspec import Struct

_WORDS = ("ann", "bob", "gateway-1", "epoch0", "a|b", ":", "d:ann:bob", "é", "\n", "\0", "x" * 64)
_CONVERSATIONS = ("d:ann:bob", "d:bob:cat", "d:bob:ann", "d::", "d:ann", "d:a|b:c", "nonsense")
_IDS = ("00000000-0000-0000-0000-000000000001", "é" * 36, "x" * 36)
_NUMBERS = (1, 2, 3, 100, 1 << 31, (1 << 53) + 1, (1 << 63) - 1)
_WILD: tuple[Any, ...] = ("", "x" * 200, 0, -1, -(1 << 63))


def anything(random: Random, kind: Any, name: str = "") -> Any:
    """A value of a type, mostly within what its schema and its type hold, and often senseless."""
    origin, arguments = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, Struct):
        hints = get_type_hints(kind)
        fields = kind.__struct_fields__
        return kind(**{field: anything(random, hints[field], field) for field in fields})
    if origin is Literal:
        return random.choice(arguments)
    if origin is tuple:
        return tuple(anything(random, arguments[0]) for _ in range(random.randrange(4)))
    if arguments:
        return anything(random, random.choice(arguments), name)
    if kind is type(None):
        return None
    if random.random() < 0.05:
        return random.choice([one for one in _WILD if type(one) is kind])
    if kind is int:
        return random.choice(_NUMBERS)
    if name in ("client_message_id", "after"):
        return random.choice(_IDS)
    return random.choice(_CONVERSATIONS if name == "conversation_id" else _WORDS)
