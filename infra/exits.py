"""Exit statuses of every program and command, and what each says."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a program ended. The higher ones are those of sysexits.h and of shells."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INTERNAL = 70
    INPUT_OUTPUT = 74
    DISTURBED = 75
    SETTINGS = 78
    INTERRUPTED = 130


MEANINGS = {
    Exit.DONE: "Done; for `status`, `doctor` and checks: nothing is wrong. This also holds when "
    "the reader of the output leaves, as `head` does: `events tail` and `chat` end, everything "
    "else is completed.",
    Exit.FAILED: "It could not be done, or something is wrong; a sentence says what.",
    Exit.USAGE: "The command line was not understood.",
    Exit.INTERNAL: "The program itself failed; a sentence, or the last line of its log, says "
    "where the details are.",
    Exit.INPUT_OUTPUT: "A file, or the output, could not be read or written: a full disk, a "
    "missing permission.",
    Exit.DISTURBED: "The machine was too busy for a verdict (`chatlog bench gate`).",
    Exit.SETTINGS: "The settings, or files that they name, cannot be used. "
    "Programs also end with it when a service is not configured as required (docs/demands.md).",
    Exit.INTERRUPTED: "Ended with Ctrl-C.",
}
"""The table of `docs/commands.md`."""
