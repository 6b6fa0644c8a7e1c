"""What may happen in a run, and how often: drawn for each run anew.

Swarm testing: a few faults at a time find more than all together.
"""

from random import Random

from tests.simulation.faults import FAULTS

_STEPS = (60, 420)
_OFTEN = (0.3, 1.0, 1.0, 3.0)
"""How much more often than usual something happens in a run."""

ORDINARY = {
    "call": 30,
    "look": 24,
    "up": 8,
    "down": 10,
    "time": 3,
    "commit": 3,
    "write": 5,
    "read": 2,
    "connect": 3,
    "wake": 3,
    "reconnect": 1,
    "visit": 1,
}
"""What happens without any fault, and how often."""

QUIET = {"write": 2.0, "connect": 3.0, "read": 0.0, "call_is_held": 4.0, "held_calls_go_on": 0.3}
"""How often instead in a quiet run: what is missed stays missed, since nothing comes after it."""

_QUIET_SHARE = 0.15
QUIET_WRITES_MAX = 5
_QUIET_FAULTS = {
    "call_is_held": 1.0,
    "held_calls_go_on": 1.0,
    "connection_lost": 0.7,
    "redis_loses_everything": 0.3,
    "redis_is_saved": 0.3,
    "redis_goes_back": 0.3,
}
_QUIET_TROUBLES = (
    *("worker_killed", "worker_becomes_a_zombie", "stopped_go_on", "handlers_raise"),
    *("calls_fail", "calls_hang", "part_goes_away", "parts_come_back", "gateway_killed"),
)
"""Of these, some happen in every second quiet run; often they mend what was missed."""


def draw_quiet(random: Random) -> bool:
    """Whether little is said in a run."""
    return random.random() < _QUIET_SHARE


def draw_faults(random: Random, *, quiet: bool) -> list[str]:
    """The faults that may happen in a run."""
    chances = dict(_QUIET_FAULTS) if quiet else dict.fromkeys(FAULTS, 0.25)
    if quiet and random.random() < 0.5:
        chances.update(dict.fromkeys(_QUIET_TROUBLES, 0.4))
    return [name for name, chance in chances.items() if random.random() < chance]


def draw_weights(random: Random, faults: list[str], *, quiet: bool) -> dict[str, float]:
    """How often each thing happens, compared with the others."""
    usual = ORDINARY | dict.fromkeys(faults, 1) | (QUIET if quiet else {})
    return {name: often * random.choice(_OFTEN) for name, often in usual.items()}


def draw_steps(random: Random) -> int:
    """How many things happen in a run."""
    return random.randint(*_STEPS)
