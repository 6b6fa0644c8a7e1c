"""`chatlog dead list|show|replay`: records that a worker could not take, set aside with the reason.

A dead letter is known by its group and its offset in `<group>.dead`. Replaying publishes the
original key and bytes to the topic and partition they came from, with a header that says so; do it
once the cause is mended. A letter stays where it is: replaying twice publishes twice.
"""

from __future__ import annotations

import json
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from cli import table, terminal
from cli.clock import local
from cli.letters import letter_of, letters_of, publish_again, record_at
from cli.log import readable, settings
from cli.quoting import quoted
from events.text import on_one_line
from events.topics import GROUPS
from infra.arguments import Offset
from infra.errors import UserError
from infra.exits import Exit
from infra.ids_file import codec_at_start

AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]

_HEAD = ("group", "offset", "set aside", "from", "code", "detail")

app = App(name="dead", help="Records that were set aside.", result_action="return_value")


@app.command(name="list")
def list_letters(group: str = "", *, as_json: AsJson = False) -> None:
    """List dead letters, of one group or of all."""
    letters = list(letters_of(settings().kafka, [group] if group else list(GROUPS)))
    if as_json:
        print(json.dumps([letter.as_json() for letter in letters]))
        return
    if not letters:
        print("Nothing was set aside.")
        return
    rows = [
        (
            letter.group,
            str(letter.offset),
            _when(letter.set_aside_at),
            f"{letter.topic}/{letter.partition}@{letter.source_offset}",
            letter.code,
            letter.detail,
        )
        for letter in letters
    ]
    table.show(terminal.console(), _HEAD, rows, right={1})


@app.command
def show(group: str, offset: Offset, *, as_json: AsJson = False) -> None:
    """Show one dead letter: position, reason, and its decoded contents if it has any."""
    known = settings()
    record = record_at(known.kafka, group, offset)
    letter = letter_of(group, record)
    found = readable(record, codec_at_start(known.schemas.ids))
    if as_json:
        print(
            json.dumps(letter.as_json() | {"said": found.said, "event": found.as_json()["value"]})
        )
        return
    source = f"{letter.topic}, partition {letter.partition}, offset {letter.source_offset}"
    told = {
        "set aside": f"{_when(letter.set_aside_at)} by {letter.group}",
        "because": f"{letter.code}: {letter.detail}",
        "it was": f"{source}, appended {_when(letter.source_timestamp)}",
        "key": quoted((letter.key or b"").decode(errors="replace")),
        "it says": found.said,
    }
    for name, said in told.items():
        print(f"{name:<11} {on_one_line(said)}")
    if found.event is not None:
        print(msgspec.json.format(json.dumps(found.as_json()["value"]), indent=2))
    for start in range(0, min(len(letter.value or b""), 1_024), 32):
        print(f"{start:>10}  {(letter.value or b'')[start : start + 32].hex(' ', 4)}")


@app.command
def replay(
    group: str,
    offsets: tuple[Offset, ...] = (),
    /,
    *,
    all_of_them: Annotated[bool, Parameter(name="--all", negative="")] = False,
    as_json: AsJson = False,
) -> int:
    """Publish dead letters to their original topics again; those named, or --all of a group."""
    kafka = settings().kafka
    if all_of_them == bool(offsets):
        raise UserError(
            "which_letters",
            "Say which letters are to be replayed.",
            f"Name offsets (`chatlog dead list {group}`), or --all.",
            exit_status=Exit.USAGE,
        )
    if all_of_them:
        letters = list(letters_of(kafka, [group]))
    else:
        letters = [letter_of(group, record_at(kafka, group, offset)) for offset in offsets]
    outcomes = publish_again(kafka, letters)
    if as_json:
        print(json.dumps(outcomes))
    for outcome in () if as_json else outcomes:
        if outcome["error"] is None:
            print(f"{outcome['from']} is now {outcome['to']}.")
        else:
            print(f"{outcome['from']} was not replayed: {outcome['error']}.")
    if not outcomes:
        print("There is nothing to replay.")
    return 1 if any(outcome["error"] for outcome in outcomes) else 0


def _when(milliseconds: int) -> str:
    if milliseconds < 0:
        return "at an unknown time"
    return local(milliseconds).strftime("%Y-%m-%d %H:%M:%S")
