"""The packages of a release: what is shipped, and what rules of structure hold for."""

import tomllib
from pathlib import Path

_PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())

PACKAGES: tuple[str, ...] = tuple(
    _PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
)
