"""The codec of a program that starts, from the ids file that was written at deployment."""

from __future__ import annotations

from pathlib import Path

from events.codec import Codec
from infra.errors import UserError
from infra.exits import Exit


def codec_at_start(file: Path, *, remembers: bool = True) -> Codec:
    """The codec of a program that starts. Raises UserError when the ids file cannot be used."""
    try:
        return Codec.from_file(file, remembers=remembers)
    except FileNotFoundError as error:
        raise _unusable(file, "is not there") from error
    except OSError as error:
        raise _unusable(file, f"cannot be read ({error.strerror})") from error
    except (ValueError, KeyError) as error:  # cut off, or without the schemas of this release
        raise _unusable(file, f"cannot be used ({error})") from error


def _unusable(file: Path, why: str) -> UserError:
    return UserError(
        "no_schema_ids",
        f"The file of schema ids {file} {why}.",
        "Run `chatlog apply` or `chatlog schemas apply` (locally: `chatlog up`), which write it, "
        "or name the right one in CHAT_SCHEMA_IDS.",
        exit_status=Exit.SETTINGS,
    )
