"""Files that others read at any moment: whole, or as they were."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

READABLE = 0o644
OWNER_ONLY = 0o600


def write_whole(file: Path, content: str | bytes, mode: int = READABLE) -> None:
    """Replace the file in one step; its folder exists. Who reads it meanwhile sees the old one.

    Several processes may write at once: each writes a file of its own first, and one of them is
    the last. Raises OSError, and then leaves nothing behind.
    """
    data = content.encode() if isinstance(content, str) else content
    descriptor, partial = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
            os.fchmod(opened.fileno(), mode)
        os.replace(partial, file)
    except BaseException:
        os.unlink(partial)
        raise
