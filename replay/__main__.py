"""The replay program where there is no `chatlog`: `python -m replay verify history`."""

import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from infra.errors import UserError
from infra.exits import Exit
from replay.commands import app


def main(arguments: Sequence[str]) -> int:
    """Run one command; every failure is one sentence."""
    try:
        return int(app(arguments, exit_on_error=False) or Exit.DONE)
    except CycloptsError:  # It has printed what it did not understand.
        return Exit.USAGE
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
