"""How this program is called from where the user is: a command that it names works as printed.

Sentences say `chatlog …`. Where that is not on PATH, or is another checkout's there, the path that
was run takes its place.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

NAME = "chatlog"
_NAMED = re.compile(rf"`{NAME}(?= |`)")


def command() -> str:
    """What to type for `chatlog`."""
    own = Path(sys.argv[0])
    found = shutil.which(NAME)
    if found is not None and Path(found).resolve() == own.resolve():
        return NAME
    if own.name != NAME or not own.is_file():
        return f"{shlex.quote(sys.executable)} -m cli"
    own, here = own.absolute(), Path.cwd()
    if own.parent == here:
        return f"./{NAME}"
    return shlex.quote(str(own.relative_to(here) if own.is_relative_to(here) else own))


def spoken(text: str) -> str:
    """The text, with every command of ours as it is to be typed."""
    return _NAMED.sub(lambda _: f"`{command()}", text)
