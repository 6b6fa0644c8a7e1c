"""The file in which the supervisor says how each part stands, for `chatlog status`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from infra.files import write_whole
from infra.stack.supervisor.standing import Standing

SUPERVISOR = "supervisor"
"""Its folder in the instance, as that of a part."""
_FILE_NAME = "standings.json"


def write(folder: Path, standings: Mapping[str, Standing]) -> None:
    """Replace what was said."""
    said = {name: standing.as_json() for name, standing in standings.items()}
    write_whole(folder / SUPERVISOR / _FILE_NAME, json.dumps(said, indent=2) + "\n")


def read(folder: Path) -> dict[str, Standing]:
    """What was said last; nothing when nothing was, or it cannot be read."""
    try:
        said = json.loads((folder / SUPERVISOR / _FILE_NAME).read_text())
        return {name: Standing(**values) for name, values in said.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
