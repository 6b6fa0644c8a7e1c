"""Every fault there is, by name. To add one, write it in a module of `MODULES` and mark it.

Functions and their order are all there is to know: `fault` in `base`, then any of the modules.
"""

from __future__ import annotations

from importlib import import_module

from chaos.faults.base import Fault

MODULES = (
    "gateways",
    "workers",
    "sabotaged",
    "poison",
    "brokers",
    "stores",
    "clocks",
    "everything",
)


def catalogue() -> dict[str, Fault]:
    """The faults by name, in the order of the modules."""
    found: dict[str, Fault] = {}
    for name in MODULES:
        module = import_module(f"chaos.faults.{name}")
        faults = [one for one in vars(module).values() if isinstance(one, Fault)]
        found.update((one.name, one) for one in faults)
    return found
