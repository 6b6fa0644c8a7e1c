"""Columns: text is as wide as terminals show it, whatever it is."""

import pytest
from hypothesis import given
from wcwidth import iter_graphemes

from cli import table
from cli.columns import clip, pad, width, wrap
from events.text import harmless
from tests.events.test_text import ENGLAND, FAMILY, texts


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("abc", 3),
        ("한글", 4),
        (FAMILY, 2),
        ("🇩🇪", 2),
        (ENGLAND, 2),
        ("👍🏽", 2),
        ("❤️", 2),
        ("1️⃣", 2),
        ("a\u0301", 1),
        ("می\u200cخواهم", 7),
        ("\u2066ab\u2069", 2),
        ("", 0),
    ],
)
def test_characters_are_as_wide_as_terminals_show_them(text: str, columns: int) -> None:
    assert width(text) == columns
    assert width(pad(text, 9)) == width(pad(text, 9, right=True)) == 9


def test_what_was_cut_says_so_and_is_cut_between_characters() -> None:
    assert clip("hello", 5) == "hello"
    assert clip("hello!", 5) == "hell…"
    assert clip(FAMILY * 3, 6) == FAMILY * 3
    assert clip(FAMILY * 4, 6) == FAMILY * 2 + "…"
    assert clip("🇩🇪🇫🇷🇮🇹", 4) == "🇩🇪…"
    assert clip("\u2067abcdef\u2069", 4) == "\u2067abc\u2069…"


@given(texts)
def test_what_is_cut_fits(text: str) -> None:
    line = harmless(text).replace("\n", " ")
    for columns in (1, 2, 5, 20):
        cut = clip(line, columns)
        assert width(cut) <= columns
        assert harmless(cut) == cut
        assert cut == line or cut.endswith("…")


@given(texts)
def test_what_is_wrapped_fits_and_loses_only_spaces(text: str) -> None:
    shown = harmless(text)
    for columns in (1, 2, 7, 30):
        pieces = wrap(shown, columns)
        for piece in pieces:
            seen = [one for one in iter_graphemes(piece) if width(one)]
            assert width(piece) <= columns or len(seen) == 1
            assert harmless(piece) == piece
        assert _bare("".join(pieces)) == _bare(shown)


def _bare(text: str) -> str:
    """Without spaces, and without the directions that are opened and closed at breaks."""
    return "".join(c for c in text if c not in " \n\u202a\u202b\u202c\u2066\u2067\u2068\u2069")


def test_a_table_stands_straight_whatever_is_in_it() -> None:
    rows = [("🇩🇪", "1", "Guten Tag"), (FAMILY, "22", "hi\x1b[2J"), ("한글", "333", "a\nb")]
    lines = table.lines(("name", "n", "said"), rows, right={1})
    assert lines == [
        "name    n  said",
        "🇩🇪      1  Guten Tag",
        f"{FAMILY}     22  hi�[2J",
        "한글  333  a⏎b",
    ]


def test_a_table_on_a_terminal_wraps_its_last_column() -> None:
    rows = [("a", "word " * 10)]
    assert table.lines(("x", "y"), rows, columns=30) == [
        "x  y",
        "a  word word word word word",
        "   word word word word word ",
    ]
    (_, whole) = table.lines(("x", "y"), rows)
    assert whole == f"a  {('word ' * 10).strip()}"
