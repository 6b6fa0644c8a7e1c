"""Types of arguments: numbers within bounds, and paths of the right kind.

A value outside is refused with one sentence before anything is done. `inf` and `nan` are within no
bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, Token
from cyclopts.validators import Number

_SECONDS_MAX = 366 * 86_400
_COUNT_MAX = 1_000_000_000
_INT64_MAX = (1 << 63) - 1


def _is_folder(kind: Any, path: Path | None) -> None:
    """A folder, or nothing yet, and nothing that is in the way."""
    if path is None:
        return
    existing = next((one for one in (path, *path.absolute().parents) if _exists(one)), path)
    if not existing.is_dir():
        raise ValueError(f"{existing} is not a folder.")


def _is_file(kind: Any, path: Path | None) -> None:
    """A file, or nothing yet, in what may be a folder."""
    if path is None:
        return
    if _exists(path) and path.is_dir():
        raise ValueError(f"{path} is a folder, not a file.")
    _is_folder(kind, path.absolute().parent)


def _is_existing_file(kind: Any, path: Path | None) -> None:
    _is_file(kind, path)
    if path is not None and not _exists(path):
        raise ValueError(f"{path} does not exist.")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:  # Its name is too long, for example.
        raise ValueError(f"{path}: {error.strerror}.") from None


def _whole(kind: Any, tokens: Sequence[Token]) -> int:
    """A whole number as it is; cyclopts would round 1.5 to one that nobody named."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f'"{text}" is not a whole number.') from None


def _bounded(*, gte: int, lte: int) -> Parameter:
    return Parameter(validator=Number(gte=gte, lte=lte), converter=_whole, n_tokens=1)


Seconds = Annotated[float, Parameter(validator=Number(gt=0, lte=_SECONDS_MAX))]
"""A time that passes, at most a year."""

Patience = Annotated[float, Parameter(validator=Number(gte=0, lte=_SECONDS_MAX))]
"""A time to wait, which may be none."""

Minutes = Annotated[float, Parameter(validator=Number(gt=0, lte=_SECONDS_MAX / 60))]
Hours = Annotated[float, Parameter(validator=Number(gt=0, lte=_SECONDS_MAX / 3_600))]

Rate = Annotated[float, Parameter(validator=Number(gt=0, lte=_COUNT_MAX))]
"""So many a second."""

Count = Annotated[int, _bounded(gte=1, lte=_COUNT_MAX)]
"""At least one."""

CountOrNone = Annotated[int, _bounded(gte=0, lte=_COUNT_MAX)]
"""Zero says that there is no bound."""

Offset = Annotated[int, _bounded(gte=0, lte=_INT64_MAX)]
"""A place in a partition of the log, or anything else that is numbered from zero."""

Folder = Annotated[Path, Parameter(validator=_is_folder)]
File = Annotated[Path, Parameter(validator=_is_file)]
ExistingFile = Annotated[Path, Parameter(validator=_is_existing_file)]
