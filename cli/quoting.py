"""Text that people wrote, as a terminal may show it: harmless, on one line, and not too long."""

from cli.columns import clip
from events.text import on_one_line

QUOTED_COLUMNS_MAX = 60


def quoted(text: str, columns_max: int = QUOTED_COLUMNS_MAX) -> str:
    """The text in quotation marks."""
    return f'"{clip(on_one_line(text), columns_max)}"'
