"""The entry of `chatlog`: names the commands, and turns every error into one sentence.

To add a command: write `cli/<name>.py` with a function or a cyclopts `App`, and add a line to
`COMMANDS`. Modules are imported only when their command is used, so that starting stays fast.

Exit statuses:
  0    done; for `status` and `doctor`: nothing is wrong
  1    it could not be done, or something is wrong; the sentence says what
  2    the command line was not understood
  70   chatlog itself failed; the sentence names the file that holds the details
  75   the machine was too disturbed to say (`chatlog bench gate`)
  78   the settings cannot be used
  130  interrupted with Ctrl-C
"""

from __future__ import annotations

import faulthandler
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cyclopts import App, CycloptsError

from infra.errors import UserError

EXIT_USAGE = 2
EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Command:
    """One command, and where it is to be found when it is used."""

    name: str
    target: str
    help: str


COMMANDS = (
    Command("up", "cli.stack:up", "Start the stack, apply the catalogues, start our services."),
    Command("down", "cli.stack:down", "End everything that `up` started."),
    Command("status", "cli.stack:status", "Say how each part is."),
    Command("doctor", "cli.stack:doctor", "Say what is wrong with this machine and the stack."),
    Command("token", "cli.token:token", "Print an access token for development."),
    Command("demo", "cli.demo.command:demo", "Ann and Bob, two crashes, every promise checked."),
    Command("chat", "cli.chat.command:chat", "Chat in this terminal."),
    Command("events", "cli.events:app", "Read the log as a story."),
    Command("trace", "cli.trace:trace", "Where one message is: every step with its time."),
    Command("dead", "cli.dead:app", "List, show and replay what workers set aside."),
    Command("topics", "cli.catalogues:topics", "Apply or list the topic catalogue."),
    Command("schemas", "cli.catalogues:schemas", "Apply, check or lock the schemas."),
    Command("docs", "cli.docs:docs", "Write the pages that are made from the code."),
    Command("artifacts", "cli.artifacts:app", "Fetch, check or lock the jars of the stack."),
    Command("bench", "cli.bench:app", "Load through real sockets: throughput, latencies, cost."),
    Command("capacity", "cli.capacity:capacity", "What so many users take, and what breaks first."),
    Command("chaos", "cli.chaos:app", "Break the real stack under load; check what was recorded."),
)


def build(commands: Sequence[Command] = COMMANDS) -> App:
    """The command line with every command, none of them imported yet."""
    app = App(
        name="chatlog",
        help="A messaging back end whose only truth is a Kafka log.",
        help_epilogue="Exit status: 0 done; 1 could not be done, or something is wrong; "
        "2 not understood; 70 chatlog itself failed; 78 settings; 130 interrupted.",
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    for command in commands:
        app.command(command.target, name=command.name, help=command.help)
    return app


def run(arguments: Sequence[str], commands: Sequence[Command] = COMMANDS) -> int:
    """Run one command; the exit status."""
    try:
        status = build(commands)(arguments, exit_on_error=False)
        return status if isinstance(status, int) else 0
    except CycloptsError:  # It has printed what it did not understand.
        return EXIT_USAGE
    except UserError as error:
        print(f"chatlog: {error.sentence}\n{error.remedy}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("chatlog: interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # The reader of our output has left, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # The last line of defence: no traceback reaches a user.
        print(
            f"chatlog: this should not have happened: {type(error).__name__}: {error}.\n"
            f"Please report it with the file {_write_details()}.",
            file=sys.stderr,
        )
        return EXIT_INTERNAL


def _write_details() -> Path:
    handle, name = tempfile.mkstemp(prefix="chatlog-error-", suffix=".log")
    with os.fdopen(handle, "w") as file:
        file.write(traceback.format_exc())
    return Path(name)


def main() -> None:
    """The console script."""
    faulthandler.enable()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
