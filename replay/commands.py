"""`chatlog replay verify|rebuild`, which is also `python -m replay verify|rebuild`."""

import asyncio
from typing import Annotated, Literal

from cyclopts import App, Parameter

from infra.arguments import Patience
from infra.exits import Exit
from infra.settings import load
from replay import rebuild as rebuilding
from replay import verify as verifying

app = App(name="replay", help="Read models from the log, again.", result_action="return_value")


@app.command
def verify(
    model: Annotated[
        Literal["history", "receipts"], Parameter(help="The read model, by the name of its worker.")
    ],
    *,
    conversation: Annotated[str | None, Parameter(help="Compare only this conversation.")] = None,
    wait_seconds: Annotated[
        Patience, Parameter(help="How long its worker may take to come to the log's end.")
    ] = 30.0,
) -> int:
    """Compare a read model with a new fold of the log; the exit status is 0 when they are equal."""
    settings = load(verifying.Settings)
    found = asyncio.run(
        verifying.verify(model, settings, conversation_id=conversation, wait_seconds=wait_seconds)
    )
    print("\n".join(found.lines()))
    return Exit.DONE if found.equal else Exit.FAILED


@app.command
def rebuild(*, yes: Annotated[bool, Parameter(negative="", help="Really do it.")] = False) -> None:
    """Delete every row and have the workers write all of them again from the log."""
    rebuilding.rebuild(load(rebuilding.RebuildSettings), sure=yes)
    print("The keyspace is empty. Start the workers: they write every row again, from the log.")
