"""One function for each format in which we write files for other programs, or name files to them.

A value with a space, a quote, a backslash or a letter beyond ASCII means something else to each
reader: Java reads `.properties` as Latin-1 and takes backslashes for escapes, nginx ends a word at
a space. Nobody else writes these formats; what a format cannot say is refused by `require_path`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from infra.errors import UserError

_REFUSED = {
    ":": "separates the entries of Java's class path",
    ",": "separates Kafka's data folders",
    "=": "begins the options of a Java agent",
    "!": "separates a jar from what is in it",
    "$": "begins a variable of nginx",
    '"': "ends a quoted word",
    "\\": "escapes what follows it",
    "`": "begins a command of a shell",
}
_PROPERTY_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}
_PROPERTY_MARKS = "=:#!"


def text_of(value: object) -> str:
    """A value as text; a path by its bytes, whatever the locale of this process is."""
    return os.fsencode(value).decode() if isinstance(value, Path) else str(value)


def java_properties(values: Mapping[str, object]) -> str:
    """A `.properties` file in ASCII, which is read alike as Latin-1 and as UTF-8."""
    return "".join(
        f"{_property(key, is_key=True)}={_property(text_of(value))}\n"
        for key, value in values.items()
    )


def jaas(module: str, options: Mapping[str, str]) -> str:
    """One line of JAAS: the module is required; options are quoted."""
    given = "".join(f" {name}={_quoted(value)}" for name, value in options.items())
    return f"{module} required{given};"


def yaml(values: Mapping[str, object]) -> str:
    """YAML in UTF-8: JSON is YAML, but for its escapes beyond 16 bits."""
    return json.dumps(values, indent=2, default=text_of, ensure_ascii=False) + "\n"


def env_file(values: Mapping[str, object]) -> str:
    """KEY=VALUE lines that python-dotenv and a shell read alike."""
    return "".join(f"{name}={_env_value(text_of(value))}\n" for name, value in values.items())


def nginx_word(value: object) -> str:
    """One argument of a directive of nginx; a `$` in it would be a variable."""
    return _quoted(text_of(value))


def file_url(path: Path) -> str:
    """The `file:` address of an absolute path, for programs that take an address."""
    return path.as_uri()


def require_path(*paths: Path) -> None:
    """Refuse a path that some part of the stack could not be told. Raises UserError."""
    for path in paths:
        if problem := path_problem(path):
            raise UserError(
                "unusable_path",
                problem,
                "Move the checkout, data included, to a folder without it, "
                "or name another folder with --folder.",
            )


def path_problem(path: Path) -> str:
    """What is wrong with a path in one sentence; empty when nothing is. Pure."""
    try:
        text = text_of(path)
    except UnicodeDecodeError:
        return f"The path {os.fsencode(path)!r} is not UTF-8, which Java cannot open."
    for character in text:
        if character < " " or "\x7f" <= character <= "\x9f":
            return f"The path {text!r} holds the control character U+{ord(character):04X}."
        if reason := _REFUSED.get(character):
            return f"The path {text} holds `{character}`, which {reason}."
    return ""


def _property(text: str, *, is_key: bool = False) -> str:
    written = []
    for index, character in enumerate(text):
        if character in _PROPERTY_ESCAPES:
            written.append(_PROPERTY_ESCAPES[character])
        elif character in _PROPERTY_MARKS and (is_key or index == 0):
            written.append("\\" + character)
        elif character == " " and (is_key or index == 0):
            written.append("\\ ")
        elif " " <= character <= "~":
            written.append(character)
        else:  # as Java counts: one escape for each unit of UTF-16
            units = character.encode("utf-16-be").hex()
            written += [f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)]
    return "".join(written)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _env_value(text: str) -> str:
    is_plain = all(one.isascii() and (one.isalnum() or one in "_-.:/,@+%[]") for one in text)
    if is_plain:
        return text
    return f"'{text}'" if "'" not in text else _quoted(text)
