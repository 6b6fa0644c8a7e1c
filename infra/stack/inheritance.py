"""The settings that a part inherited from the command which started it.

Who starts it again after a crash has another environment, and is to use the same settings. They
may hold secrets: only the owner reads the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from infra.files import OWNER_ONLY, write_whole
from infra.settings.loading import PREFIX
from infra.stack import kept

_FILE_NAME = "inherited.json"


def keep(folder: Path, environment: Mapping[str, str]) -> None:
    """Remember the settings of this start in the folder of the part. Raises OSError."""
    write_whole(folder / _FILE_NAME, json.dumps(_settings(environment)), OWNER_ONLY)


def of_the_start(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with the settings of the last start; as it is when none are known."""
    try:
        settings = kept.read(dict[str, str], folder / _FILE_NAME)
    except (OSError, ValueError):
        return dict(environment)
    others = {name: value for name, value in environment.items() if not name.startswith(PREFIX)}
    return {**others, **settings}


def _settings(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(PREFIX)}
