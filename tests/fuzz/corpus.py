"""Inputs that are kept, as files: `corpus/<target>/<outcome>/<what it is>`."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parent / "corpus"

FOUND = "found"
"""In place of an outcome, for what a fuzzer wrote down: any outcome is good, a fault is not."""


class Seed(NamedTuple):
    """One kept input."""

    target: str
    outcome: str
    name: str
    data: bytes


def seeds(target: str, corpus: Path = CORPUS) -> Iterator[Seed]:
    """What is kept for a target, in the order of names."""
    for path in sorted((corpus / target).glob("*/*")):
        yield Seed(target, path.parent.name, path.name, path.read_bytes())


def keep(target: str, data: bytes, corpus: Path = CORPUS) -> Path:
    """Write down an input that was found; it has the name of its hash until somebody renames it."""
    folder = corpus / target / FOUND
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return path
