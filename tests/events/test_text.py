"""Text of people: no character is taken apart, nothing harms a terminal, the rest is as it was."""

import unicodedata

import pytest
import wcwidth
from hypothesis import example, given
from hypothesis import strategies as st

from events.text import REPLACEMENT, closing, cut, harmless, on_one_line, opening

FAMILY = "👨‍👩‍👧‍👦"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"

AS_IT_IS = {
    "plain": "Hello, world!",
    "French, with a non-breaking space": "Ça va\N{NO-BREAK SPACE}? «\u202fOui\u202f»",
    "Persian, with a ZWNJ": "می\N{ZERO WIDTH NON-JOINER}خواهم",
    "a family, with ZWJ": FAMILY,
    "a skin tone": "👍🏽",
    "a flag": "🇩🇪🇫🇷",
    "the flag of England, with tags": ENGLAND,
    "a keycap": "1️⃣",
    "text and emoji presentation": "☺︎ ❤️",
    "a soft hyphen": "Donau\N{SOFT HYPHEN}dampf",
    "an emoji of Unicode 16": "\U0001fae9",
    "an emoji that nobody has yet": "\U0001faff",
    "Hebrew with marks of direction": "שלום\N{RIGHT-TO-LEFT MARK}! \N{LEFT-TO-RIGHT MARK}abc",
    "an isolate that is closed": "by \N{FIRST STRONG ISOLATE}אבג\N{POP DIRECTIONAL ISOLATE} today",
    "an embedding that is closed": "\u202babc\u202c",
    "a zero width space and a word joiner": "a\u200bb\u2060c\ufeff",
    "a letter with accents": "a\u0301\u0323",
    "Devanagari": "नमस्ते",
    "a private character": "\uf8ff",
    "two lines": "one\ntwo",
}

HARMFUL = {
    "an escape sequence": ("\x1b[2J", "�[2J"),
    "C1": ("\x9b31m\x85", "�31m�"),
    "a title": ("\x1b]0;owned\x07", "�]0;owned�"),
    "overprinting": ("a\rb\bc\x7f", "a�b�c�"),
    "a line break of Windows": ("a\r\nb", "a\nb"),
    "separators": ("a\u2028b\u2029c", "a\nb\nc"),
    "a tab": ("a\tb", "a    b"),
    "an override": ("a\u202egnp.exe", "a�gnp.exe"),
    "an override that is closed": ("\u202eabc\u202c", "�abc�"),
    "an isolate that is open": ("\u2067abc", "�abc"),
    "an isolate that is open at the end of its line": ("\u2067abc\nd\u2069", "�abc\nd�"),
    "a closing that closes nothing": ("a\u2069b\u202c", "a�b�"),
    "an embedding across an isolate": ("\u2066\u202ba\u2069b\u202c", "\u2066�a\u2069b�"),
    "tags that hide text": ("hi\U000e0068\U000e0069", "hi��"),
    "tags after another flag": ("🏁\U000e0067\U000e007f", "🏁��"),
    "a lone surrogate": ("a\ud83d", "a�"),
    "noncharacters": ("\ufdd0\ufffe\U0010ffff", "���"),
    "null": ("\0", "�"),
}

texts = st.text(
    st.one_of(
        st.characters(codec=None),
        st.sampled_from("\r\n\t\x1b\u2028\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"),
        st.sampled_from(FAMILY + ENGLAND + "🇩🇪a\u0301\u200c🏽"),
    ),
    max_size=60,
)


@pytest.mark.parametrize("text", AS_IT_IS.values(), ids=AS_IT_IS)
def test_what_harms_nobody_is_shown_as_it_is(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize(("text", "shown"), HARMFUL.values(), ids=HARMFUL)
def test_what_may_do_harm_is_replaced(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(texts)
def test_nothing_harmful_is_left_and_nothing_else_is_changed(text: str) -> None:
    shown = harmless(text)
    assert harmless(shown) == shown, "it is harmless already"
    for character in shown.replace("\n", ""):
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
        assert character not in "\u202d\u202e"
    for line in shown.split("\n"):
        assert not closing(line)
    if not set(text) & set("\r\t\u2028\u2029"):
        assert len(shown) == len(text)
        changed = {a for a, b in zip(text, shown, strict=True) if a != b}
        assert all(
            unicodedata.category(one) in ("Cc", "Cs", "Cn") or unicodedata.category(one) == "Cf"
            for one in changed
        )
    assert "\n" not in on_one_line(text)
    shown.encode()


@given(texts, st.integers(1, 60))
@example(FAMILY * 5, 12)
@example("🇩🇪" * 8, 3)
@example("a" + "\u0301" * 50, 10)
def test_a_cut_is_bounded_and_takes_no_character_apart(text: str, length_max: int) -> None:
    kept = cut(text, length_max)
    assert len(kept) <= length_max
    assert text.startswith(kept)
    assert bool(kept) == bool(text)
    whole = list(wcwidth.iter_graphemes(text))
    if text and len(whole[0]) <= length_max:
        count = len(list(wcwidth.iter_graphemes(kept)))
        assert kept == "".join(whole[:count])
        assert kept == text or len(kept) + len(whole[count]) > length_max, "more would have fitted"


@given(texts, st.integers(0, 60))
def test_directions_can_be_closed_and_continued_anywhere(text: str, at: int) -> None:
    shown = harmless(text).replace("\n", "")
    begin, end = shown[:at], shown[at:]
    for piece in (begin + closing(begin), opening(begin) + end):
        assert harmless(piece) == piece


def test_the_replacement_is_one_that_people_know() -> None:
    assert (REPLACEMENT, wcwidth.width(REPLACEMENT)) == ("�", 1)


def test_directions_that_are_nested_too_deep_are_replaced() -> None:
    """Each would be said again on every line of a wrapped text."""
    deep = "\u202a" * 20 + "x" + "\u202c" * 20
    assert harmless(deep).count("\u202a") <= 8
    shallow = "\u202a" * 8 + "x" + "\u202c" * 8
    assert harmless(shallow) == shallow
    hostile = "\u202a" * 10_900 + "\u2069" * 10_900  # took 12 s when each end looked for its begin
    assert set(harmless(hostile)) == {REPLACEMENT}
