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
    Exit.DONE: "Done; of `status`, `doctor` and of checks: nothing is wrong. Nothing changes when "
    "the reader of the output leaves, as `head` does: `events tail` and `chat` end, everything "
    "else is done all the same.",
    Exit.FAILED: "It could not be done, or something is wrong; a sentence says what.",
    Exit.USAGE: "The command line was not understood.",
    Exit.INTERNAL: "The program itself failed; a sentence, or the last line of its log, says "
    "where the details are.",
    Exit.INPUT_OUTPUT: "A file, or the output, could not be read or written: a full disk, a right "
    "that is missing.",
    Exit.DISTURBED: "The machine was too disturbed to say (`chatlog bench gate`).",
    Exit.SETTINGS: "The settings, or files that they name, cannot be used. "
    "Programs say the same of parts that are not set as demanded (docs/demands.md).",
    Exit.INTERRUPTED: "Ended with Ctrl-C.",
}
"""The table of `docs/commands.md`."""
