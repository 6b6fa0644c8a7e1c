"""Which users, devices, conversations, messages and gateways a record names. Pure.

Whole names only: `ann` is not named by a record about `joann`, nor by a text that says `ann`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from cli.log import Readable
from events.members import members_of


def names_in(found: Readable) -> set[str]:
    """Every name in a record; the members of a conversation are named by its id."""
    names = {found.key} if found.key else set()
    if found.event is not None:
        names.update(_names(msgspec.to_builtins(found.event, builtin_types=(bytes,))))
    return names.union(*map(members_of, names))


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, bytes):
        value = _frame(value)
    if isinstance(value, dict):
        for field, content in value.items():
            if isinstance(content, str):
                if field in ("id", "after") or field.endswith("_id"):
                    yield content
            else:
                yield from _names(content)
    elif isinstance(value, list | tuple):
        for content in value:
            yield from _names(content)


def _frame(value: bytes) -> Any:
    """A client frame as it is in deliveries; nothing for other bytes."""
    try:
        return json.loads(value)
    except ValueError:
        return None
