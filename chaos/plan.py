"""What is broken when: a list of steps drawn from a seed. Pure.

A mix holds every fault that is marked `always`, then others in a random order until the time is
full; some steps are two faults at once. Two runs with one seed and one catalogue have one plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from msgspec import Struct

from chaos.faults.base import Fault

Step = tuple[str, ...]
"""Names of the faults that strike together."""

_TOGETHER = 0.2
_FAMILIES = (
    ("gateway", "half-open", "slow-readers", "everyone", "tokens"),
    ("worker", "back-worker", "handler", "assignment", "rolling", "workers"),
    ("broker", "leader", "disk-full", "too-few"),
    ("cassandra",),
    ("redis",),
)


class Plan(Struct, frozen=True):
    """The steps of a run, and what had to be left out."""

    seed: int
    brokers: int
    steps: list[Step]
    left_out: dict[str, str]
    """Faults that this machine cannot make, and why."""
    command: str
    """What makes the same plan again."""


def mixed(faults: Mapping[str, Fault], *, seed: int, brokers: int, seconds: float) -> Plan:
    """A plan of about so many seconds."""
    random = Random(seed)
    usable, left_out = _usable(faults, brokers)
    first = [name for name in usable if faults[name].always]
    others = [name for name in usable if not faults[name].always]
    random.shuffle(others)
    chosen: list[Step] = [(name,) for name in first]
    left_seconds = seconds - sum(faults[name].weight_seconds for name in first)
    for name in others:
        cost = faults[name].weight_seconds
        if cost > left_seconds:
            continue
        left_seconds -= cost
        partner = random.choice(first) if first and random.random() < _TOGETHER else None
        if partner is not None and family(partner) != family(name):
            chosen.append((name, partner))
        else:
            chosen.append((name,))
    random.shuffle(chosen)
    return Plan(
        seed, brokers, chosen, left_out, f"{_command(seed, brokers)} --minutes {seconds / 60:g}"
    )


def of_names(faults: Mapping[str, Fault], names: Sequence[str], *, seed: int, brokers: int) -> Plan:
    """A plan of these faults, one after the other. Raises KeyError for one that is not there."""
    usable, left_out = _usable({name: faults[name] for name in names}, brokers)
    said = f"{_command(seed, brokers)} {' '.join(names)}"
    return Plan(seed, brokers, [(name,) for name in names if name in usable], left_out, said)


def every_one(faults: Mapping[str, Fault], *, seed: int, brokers: int) -> Plan:
    """A plan of every fault once, in the order of the catalogue."""
    usable, left_out = _usable(faults, brokers)
    said = f"{_command(seed, brokers)} --everything"
    return Plan(seed, brokers, [(name,) for name in usable], left_out, said)


def family(name: str) -> int:
    """Which part a fault breaks; two faults of one part do not strike together."""
    for number, beginnings in enumerate(_FAMILIES):
        if name.startswith(beginnings):
            return number
    return len(_FAMILIES)


def _command(seed: int, brokers: int) -> str:
    return f"chatlog chaos --brokers {brokers} --seed {seed}"


def _usable(faults: Mapping[str, Fault], brokers: int) -> tuple[list[str], dict[str, str]]:
    fitting = [one for one in faults.values() if brokers in one.brokers]
    left_out = {one.name: one.missing() for one in fitting if one.missing()}
    return [one.name for one in fitting if one.name not in left_out], left_out
