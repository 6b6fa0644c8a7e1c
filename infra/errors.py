"""The one error that is meant for a person.

Whoever knows what went wrong and what to do about it raises a `UserError`; the command line
prints it as one sentence and exits with its status. Its code is stable: scripts and tests
match on the code, never on the sentence.
"""

from __future__ import annotations

from infra.exits import Exit


class UserError(Exception):
    """A failure with a stable code, a sentence that says what is wrong, and what to do."""

    def __init__(
        self, code: str, sentence: str, remedy: str, *, exit_status: int = Exit.FAILED
    ) -> None:
        super().__init__(f"{sentence} {remedy}")
        self.code = code
        self.sentence = sentence
        self.remedy = remedy
        self.exit_status = exit_status
