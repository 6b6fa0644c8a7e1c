"""The printed story: one line an event of it, with the time since the curtain rose."""

from __future__ import annotations

import time

from rich.console import Console
from rich.text import Text

from cli import terminal

LINE_CHARACTERS = 110
"""Of a line where nobody knows how wide the paper is."""

_COLOURS = {"ann": "cyan", "bob": "magenta"}


class Transcript:
    """Prints as the story goes; plain lines where there is no terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or terminal.console(soft_wrap=True)
        if not self.console.is_terminal:
            self.console.width = LINE_CHARACTERS
        self._began = time.monotonic()

    def scene(self, number: int, title: str) -> None:
        """A new scene begins."""
        self.console.print()
        self.console.print(Text(f"{number}. {title}", style="bold"))

    def tell(self, text: str, style: str = "") -> None:
        """Something happens."""
        line = Text(f"{time.monotonic() - self._began:8.3f}  ", style="dim")
        line.append(text, style=style or "default")
        self.console.print(line)

    def said(self, sender: str, receiver: str, text: str, ticks_ms: tuple[float, ...]) -> None:
        """A message was written, accepted, delivered and read."""
        line = Text(f"{time.monotonic() - self._began:8.3f}  ", style="dim")
        line.append(f"{sender:>4}", style=_COLOURS.get(sender, "default"))
        line.append(f" → {receiver:<4} {text:<46}")
        accepted, delivered, read = (f"{ms:.1f}" for ms in ticks_ms)
        line.append(f" ✓ {accepted} ms  ✓✓ {delivered} ms", style="dim")
        line.append(f"  ✓✓ {read} ms", style="blue")
        self.console.print(line)
