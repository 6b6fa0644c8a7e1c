"""The file in which the supervisor says how each part stands, for `chatlog status`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from infra.files import read_note, write_note, write_whole
from infra.stack import kept
from infra.stack.supervisor.standing import Standing

SUPERVISOR = "supervisor"
"""Its folder in the instance, as that of a part."""
_FILE_NAME = "standings.json"
_TROUBLE_NAME = "trouble"


def write(folder: Path, standings: Mapping[str, Standing]) -> None:
    """Replace what was said."""
    said = {name: standing.as_json() for name, standing in standings.items()}
    write_whole(folder / SUPERVISOR / _FILE_NAME, json.dumps(said, indent=2) + "\n")


def read(folder: Path) -> dict[str, Standing]:
    """What was said last; nothing when nothing was, or it cannot be read."""
    try:
        return dict(kept.read(dict[str, Standing], folder / SUPERVISOR / _FILE_NAME))
    except (OSError, ValueError):
        return {}


def write_trouble(folder: Path, trouble: str) -> None:
    """Say what keeps the supervisor from its work, also on a full disk; empty: nothing does."""
    note = folder / SUPERVISOR / _TROUBLE_NAME
    with suppress(OSError):  # then its log says it, or nothing can
        if trouble:
            write_note(note, trouble)
        else:
            note.unlink(missing_ok=True)


def trouble(folder: Path) -> str:
    """What `write_trouble` said."""
    return read_note(folder / SUPERVISOR / _TROUBLE_NAME)
