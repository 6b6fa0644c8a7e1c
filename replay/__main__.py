"""The replay program: `python -m replay verify history [--conversation ID]`, `… rebuild --yes`.

Exit statuses: 0 the log and the rows say the same, 1 they differ or it could not be told, 2 the
command line was not understood, 78 the settings cannot be used.
"""

import asyncio
import sys
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from infra.errors import UserError
from infra.settings import load
from replay.rebuild import RebuildSettings, rebuild
from replay.verify import Settings, verify

EXIT_DIFFERENT = 1
EXIT_USAGE = 2

app = App(name="replay", help="Read models from the log, again.")


@app.command(name="verify")
def verify_command(
    model: str, *, conversation: str | None = None, wait_seconds: float = 30.0
) -> int:
    """Compare a read model with the log.

    Parameters
    ----------
    model
        `history` or `receipts`.
    conversation
        Compare only this conversation.
    wait_seconds
        How long the model's worker may take to come to the log's end.
    """
    found = asyncio.run(
        verify(model, load(Settings), conversation_id=conversation, wait_seconds=wait_seconds)
    )
    print("\n".join(found.lines()))
    return 0 if found.equal else EXIT_DIFFERENT


@app.command(name="rebuild")
def rebuild_command(*, yes: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Delete every row and have the workers write all of them again, from the log.

    Parameters
    ----------
    yes
        Really do it.
    """
    rebuild(load(RebuildSettings), sure=yes)
    print("The keyspace is empty. Start the workers: they write every row again, from the log.")
    return 0


def main(arguments: list[str]) -> int:
    """Run one command; every failure is one sentence."""
    try:
        command, bound, _ = app.parse_args(arguments, print_error=True, exit_on_error=False)
    except CycloptsError:
        return EXIT_USAGE
    try:
        return int(command(*bound.args, **bound.kwargs) or 0)
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
