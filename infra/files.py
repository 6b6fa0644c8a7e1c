"""Files that others read at any moment: whole, or as they were."""

from __future__ import annotations

import os
import secrets
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
    except BaseException as error:
        os.unlink(partial)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(file)  # a full disk does not say of which file
        raise


_NOTE_BYTES_MAX = 59
"""ext4 and XFS keep a link's target of up to 59 bytes in the inode, so it needs no free block."""

_NOTE_END_BYTES = 28
"""Of text that is cut: the end of a path says which file it is, the beginning what happened."""
_CUT = "…".encode()
_CONTINUES = bytes(range(0x80, 0xC0))
"""Bytes of UTF-8 that begin no character."""


def write_note(note: Path, text: str) -> None:
    """Say something short on a disk that may be full: the text is the target of a symbolic link.

    Longer text is cut in the middle. Raises OSError.
    """
    said = os.fsencode(text.replace("\0", " ")) or b" "
    if len(said) > _NOTE_BYTES_MAX:
        begin = said[: _NOTE_BYTES_MAX - _NOTE_END_BYTES - len(_CUT)]
        end = said[-_NOTE_END_BYTES:].lstrip(_CONTINUES)
        said = begin.decode(errors="ignore").encode() + _CUT + end
    link_whole(note, said)


def link_whole(link: Path, target: bytes) -> None:
    """Replace a symbolic link in one step, as `write_whole` does a file. Raises OSError."""
    partial = link.with_name(f".{link.name}.{secrets.token_hex(8)}")
    os.symlink(target, os.fsencode(partial))
    try:
        partial.replace(link)
    except OSError:
        partial.unlink()
        raise


def read_note(note: Path) -> str:
    """What `write_note` said; empty when nothing was."""
    try:
        return os.fsencode(os.readlink(note)).decode(errors="replace").strip()
    except OSError:
        return ""
