"""The features of the product, and how the core of each layer finds its part of each.

A feature is a set of modules with one name, at most one per layer: `events/messages.py`,
`processors/admission/features/messages.py`, and so on. Each module says in tables, by type of event
or frame, what is the feature's own; the core of a layer knows no feature, and looks up what to do
by type. To delete a feature is to delete its modules and its name here.

What clients submit is found beside what becomes of it, in the feature's module of `events`. Such a
module imports of `events` only `ids` and other features: topics, fence and codec are made of it.

Every fact has what `Fact` names, every submission that becomes a fact what `Submission` names: the
core numbers facts, orders them, refuses strangers, repeats and stale retries by these alone.
"""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Protocol

from msgspec import Struct

FEATURES = ("messages", "receipts")


class HasSender(Protocol):
    """An event that says who sent it from which device to which conversation."""

    @property
    def conversation_id(self) -> str: ...
    @property
    def sender_id(self) -> str: ...
    @property
    def device_id(self) -> str: ...


class HasId(HasSender, Protocol):
    """One that also says by which id a retry would repeat it."""

    @property
    def client_message_id(self) -> str: ...


class Submission(HasId, Protocol):
    """What every submission has that is decided as one fact, refusal or repeat."""

    @property
    def after(self) -> str | None: ...
    @property
    def first_sent_at(self) -> int | None: ...
    @property
    def submitted_at(self) -> int | None: ...


class Fact(HasId, Protocol):
    """What every fact of a conversation has."""

    @property
    def seq(self) -> int: ...
    @property
    def sent_at(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def submission_offset(self) -> int: ...


def modules(package: str) -> list[ModuleType]:
    """The modules of the features that have one in this package, in the order of FEATURES."""
    names = (f"{package}.{feature}" for feature in FEATURES)
    return [import_module(name) for name in names if find_spec(name) is not None]


def listed(package: str, name: str) -> tuple[Any, ...]:
    """The tuples of this name in the features' modules of a package, one after the other."""
    return tuple(one for module in modules(package) for one in getattr(module, name, ()))


def table(package: str, name: str) -> dict[Any, Any]:
    """The tables of this name in the features' modules of a package, as one.

    Raises ValueError when two features have an entry for the same key.
    """
    merged: dict[Any, Any] = {}
    for module in modules(package):
        entries = getattr(module, name, {})
        if both := merged.keys() & entries.keys():
            raise ValueError(f"{module.__name__}.{name}: another feature has {both}")
        merged |= entries
    return merged


SUBMISSION_TYPES: tuple[type[Struct], ...] = listed("events", "SUBMISSION_TYPES")
"""What clients may submit."""

FACT_TYPES: tuple[type[Struct], ...] = listed("events", "FACT_TYPES")
"""What becomes the next fact of a conversation, with the next seq."""

MOVE_TYPES: tuple[type[Struct], ...] = listed("events", "MOVE_TYPES")
"""What moves a watermark, without a seq of its own."""
