"""The pages say what the code says, name what is there, and link to what exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.__main__ import COMMANDS, build
from cli.commands_page import leaves
from cli.docs import SERVER_FRAMES, pages
from events import frames
from events.frames import CloseCode, ErrorCode, RejectionCode

ROOT = Path(__file__).parent.parent
LEAVES = list(leaves(build()))
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def test_the_generated_pages_are_current() -> None:
    stale = [str(path) for path, text in pages().items() if path.read_text() != text]
    assert not stale, "run `make docs`"


def test_every_code_has_its_meaning() -> None:
    assert set(frames.CLOSE_MEANINGS) == set(CloseCode)
    assert set(frames.ERROR_MEANINGS) == set(ErrorCode)
    assert set(frames.REJECTION_MEANINGS) == set(RejectionCode)


def test_every_server_frame_is_listed() -> None:
    text = Path(frames.__file__).read_text()
    made = re.findall(r"^def (\w+)\([^)]*\) -> bytes", text, flags=re.MULTILINE)
    assert {frame.__name__ for frame in SERVER_FRAMES} == set(made)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_or_names_in_the_tree_exists(page: Path) -> None:
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    missing = [link for link in links if not (page.parent / link).exists()]
    named = re.findall(
        r"`((?:tests|edge|processors|projections|replay|infra|events|client|cli|bench|chaos)/[\w./-]*)`",
        text,
    )
    missing += [path for path in named if not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_shows_exists(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = {command.name for command in COMMANDS}
    assert set(re.findall(r"\bmake ([\w-]+)", _code(text))) <= targets
    assert set(re.findall(r"\bchatlog (\w+)\b", _code(text))) <= commands


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_shows_is_understood(page: Path) -> None:
    """With its options, as the parser sees them; what a page leaves open is filled in."""
    for line in _typed(page.read_text()):
        words = [_EXAMPLES.get(word, word) for word in line.split()]
        build().parse_args(words, print_error=False, exit_on_error=False)


_EXAMPLES = {"MESSAGE": "x", "GROUP": "history", "OFFSET": "1"}


def _typed(text: str) -> Iterator[str]:
    """What is typed behind `chatlog`, where it is shown whole."""
    for line in _code(text).splitlines():
        for found in re.findall(r"(?:^|[\s/])chatlog ([a-z][^#|]*)", line):
            typed = re.sub(r"<[^>]*>", "x", found.strip().rstrip(":"))
            is_named_only = any(typed == leaf.name for leaf in LEAVES)
            is_whole = any(typed.startswith(leaf.name) for leaf in LEAVES) and "…" not in typed
            if is_whole and not is_named_only:
                yield typed


def _code(text: str) -> str:
    """What stands in code blocks and between backticks."""
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", text)])


def test_every_decision_follows_the_template() -> None:
    for path in (ROOT / "docs/decisions").glob("[0-9]*.md"):
        text = path.read_text()
        for heading in (
            "## Context",
            "## Decision",
            "## Consequences",
            "## We would reconsider if",
        ):
            assert heading in text, f"{path.name} lacks {heading}"


def test_the_readme_is_short() -> None:
    assert 70 <= len((ROOT / "README.md").read_text().splitlines()) <= 120
