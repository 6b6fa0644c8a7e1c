"""docs/commands.md, made from the parser: every command, its options, and the exit statuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cyclopts import App

from infra.exits import MEANINGS

_INSTANCE = """\
Commands work on one instance of the stack, whichever folder they are run in:

1. the one named by an option: `--folder` of `up`, `down`, `status`, `doctor`;
2. otherwise the one named by the settings: `CHAT_…` variables, or the file that `CHAT_ENV_FILE`
   names, which `up` writes as `environment` into the folder of an instance;
3. otherwise the one of the checkout that this `chatlog` belongs to, in `.chatlog/local`.

Output: lines are not wrapped in a pipe, and `--json` is for programs. Text that people wrote is
shown unchanged, except for characters that could harm a terminal or the lines around them, which
become U+FFFD."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A command that can be run, what it says of itself, and the parser's arguments of it."""

    words: tuple[str, ...]
    help: str
    arguments: tuple[Any, ...]

    @property
    def name(self) -> str:
        """As it is typed, behind `chatlog`."""
        return " ".join(self.words)


def leaves(app: App, words: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Every command of the parser."""
    if words and app.default_command:
        arguments = tuple(app.assemble_argument_collection())
        said = (app.default_command.__doc__ or "").strip().splitlines()
        yield Leaf(words, said[0] if said else "", arguments)
    for name in app:
        if not name.startswith("-"):
            yield from leaves(app[name], (*words, name))


def commands_page(app: App) -> Iterator[str]:
    """The paragraphs of the page."""
    yield "# Commands"
    yield "Generated from the code by `make docs`. `chatlog <command> --help` gives details."
    yield _INSTANCE
    yield "## Exit statuses"
    yield _table(("status", "meaning"), ((str(int(one)), said) for one, said in MEANINGS.items()))
    yield "## All of them"
    yield _table(
        ("command", "does", "takes"),
        (
            (f"`{leaf.name}`", leaf.help, ", ".join(f"`{_typed(one)}`" for one in leaf.arguments))
            for leaf in leaves(app)
        ),
    )


def _typed(argument: Any) -> str:
    """An argument as it is typed; one that may be left out is in brackets."""
    field = argument.field_info
    positional = not argument.name.startswith("-") or (field.is_positional and argument.required)
    name = argument.name.lstrip("-").upper() if positional else argument.name
    return name if argument.required else f"[{name}]" if positional else name


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    lines += ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    return "\n".join(lines)
