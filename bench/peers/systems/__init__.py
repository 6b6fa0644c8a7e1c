"""Every system of the comparison, by name. To add one: a module here, and its name in `MODULES`."""

from importlib import import_module
from importlib.util import find_spec

from bench.peers.system import System

MODULES = ("chatlog", "ejabberd", "prosody", "synapse")
"""In the order of the table; the first is what the others are compared with."""


def catalogue() -> dict[str, System]:
    """The systems by name, in the order of the modules; a module that was deleted is left out."""
    found: dict[str, System] = {}
    for name in MODULES:
        path = f"{__name__}.{name}"
        if find_spec(path) is None:
            continue
        systems = [one for one in vars(import_module(path)).values() if isinstance(one, System)]
        found.update((one.name, one) for one in systems)
    return found
