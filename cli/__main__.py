"""The entry of `chatlog`: names the commands, and turns every error into one sentence.

To add a command: write `cli/<name>.py` with a function or a cyclopts `App`, and add a line to
`COMMANDS`. Modules are imported only when their command is used, so that starting stays fast.
Numbers and paths have the types of `infra.arguments`; what each exit status says is in
`infra.exits` and docs/commands.md.
"""

from __future__ import annotations

import errno
import faulthandler
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog
from cyclopts import App, CycloptsError, Parameter

from cli import terminal
from cli.itself import spoken
from events.text import harmless
from infra.errors import UserError
from infra.exits import Exit


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
    Command("replay", "replay.commands:app", "Read models from the log: compare, rebuild."),
    Command("apply", "cli.catalogues:apply", "Apply topics, schemas and tables; start nothing."),
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
        "2 not understood; 70 chatlog itself failed; 74 files, output; 78 settings; "
        "130 interrupted.",
        suppress_keyboard_interrupt=False,
        result_action="return_value",
        default_parameter=Parameter(negative_iterable=()),
    )
    for command in commands:
        app.command(command.target, name=command.name, help=command.help)
    return app


def run(arguments: Sequence[str], commands: Sequence[Command] = COMMANDS) -> int:
    """Run one command; the exit status."""
    try:
        status = build(commands)(
            arguments,
            console=terminal.help_console(),
            exit_on_error=False,
            print_error=False,
            verbose=False,
        )
        return status if isinstance(status, int) else Exit.DONE
    except CycloptsError as error:
        return _say(Exit.USAGE, str(error).rstrip(), f"See `{_asked(error)} --help`.")
    except UserError as error:
        return _say(error.exit_status, error.sentence, error.remedy)
    except KeyboardInterrupt:
        return _say(Exit.INTERRUPTED, "interrupted.")
    except OSError as error:
        if error.filename is None or not error.strerror:
            return _failed(error)
        return _unwritten(error, str(error.filename))
    except Exception as error:  # The last line of defence: no traceback reaches a user.
        return _failed(error)


def _asked(error: CycloptsError) -> str:
    return " ".join(("chatlog", *(error.command_chain or ())))


def _unwritten(error: OSError, what: str) -> int:
    remedy = "Make room, or choose another place." if error.errno == errno.ENOSPC else ""
    return _say(Exit.INPUT_OUTPUT, f"{what}: {error.strerror}{_noted(error)}.", remedy)


def _failed(error: Exception) -> int:
    return _say(
        Exit.INTERNAL,
        f"this should not have happened: {type(error).__name__}: {error}{_noted(error)}.",
        f"Please report it{_details()}.",
    )


def _noted(error: Exception) -> str:
    """What the command had done before, if somebody noted it."""
    notes = getattr(error, "__notes__", [])
    return f" ({'; '.join(notes)})" if notes else ""


def _details() -> str:
    """Where the traceback is, if it could be written anywhere."""
    with suppress(OSError):
        handle, name = tempfile.mkstemp(prefix="chatlog-error-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(traceback.format_exc())
        return f" with the file {name}"
    return ""


def _say(status: int, sentence: str, remedy: str = "") -> int:
    """Tell what went wrong, and what to do about it."""
    told = harmless(spoken(f"chatlog: {sentence}\n{remedy}".rstrip()))
    with suppress(OSError):  # Nobody listens.
        print(told, file=sys.stderr, flush=True)
    return status


def main() -> None:
    """The console script."""
    with terminal.listening() as output:
        faulthandler.enable()
        # What is printed is the answer, and may be JSON: what is logged stands beside it.
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
        status = run(sys.argv[1:])
    if output.lost is not None:
        status = _unwritten(output.lost, "The output could not be written")
    sys.exit(status)


if __name__ == "__main__":
    main()
